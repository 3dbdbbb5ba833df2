"""Secrets travel encrypted, or not at all; only the loopback may do without."""

import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from agentkit.errors import InvalidSettings


@runtime_checkable
class AccessTokens(Protocol):
    """What a connected account logs in with, in the place of a password."""

    def access_token(self, rejected: str | None = None) -> str:
        """One that is valid for a while yet, and is not the one that a server has just rejected.

        Raises:
            ToolFailed: there is none; the words say what to do.
        """
        ...


def require_https(url: str) -> str:
    """The URL, with a slash at its end.

    Raises:
        ValueError: it is not https and not on the loopback, or it carries a password.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"'{parts.scheme}://{parts.hostname}' is not a server: write https://host/path/")
    if parts.password or parts.username:
        raise ValueError("a password does not belong into a URL: give it in its own field")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError(f"http to {parts.hostname} would show the password to everybody between: use https")
    return url.rstrip("/") + "/"


def is_loopback(host: str) -> bool:
    """Whether what is sent there stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies certificates and host names: by this authority alone, or without one by those of the system.

    Raises:
        InvalidSettings: the file cannot be read, or holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise InvalidSettings(f"ca_file {ca_file} has no certificates to trust: {error.strerror or error}") from None
