"""Secrets travel encrypted, or not at all; only the loopback may do without."""

from ipaddress import ip_address
from urllib.parse import urlsplit


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
