"""The account a desk sends and reads its mail with."""

import smtplib
import ssl
from collections.abc import Callable
from imaplib import IMAP4
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import httpx
from imap_tools import BaseMailBox
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from agentkit.errors import ToolFailed
from agentkit_tools.accounts import Connected, sasl
from agentkit_tools.accounts.http import Bearer
from agentkit_tools.accounts.provider import Endpoint
from agentkit_tools.email.address import Address
from agentkit_tools.secrecy import AccessTokens, is_loopback, trusting

Security = Literal["tls", "starttls", "none"]


class MailAccount(BaseModel):
    """Where the servers are and who logs in there; `repr` never shows the password.

    It logs in with a password or, where it is connected by OAuth, with access tokens.

    Raises:
        ValueError: `security` is "none" for a host that is not the loopback, or not exactly one of `password` and
            `tokens` is given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)

    address: Address
    password: SecretStr | None = None
    tokens: Annotated[AccessTokens | None, Field(repr=False)] = None
    """In the place of a password: what `MailAccount.connected` brings along."""
    smtp_host: str
    imap_host: str
    smtp_port: int = 465
    imap_port: int = 993
    security: Security = "tls"
    """Of both servers: encrypted from the start, upgraded before the login, or not at all (loopback only)."""
    imap_security: Security | None = None
    """Of the IMAP server, where it differs: submission with STARTTLS beside IMAP with TLS is common."""
    jmap_url: Endpoint | None = None
    """Of the JMAP session, where there is one: such as https://mail.example.org/jmap/."""
    ca_file: Path | None = None
    """The authority that vouches for the servers, in PEM, in the place of those that the system trusts."""
    login: str | None = None
    """The user name, where it is not the address."""
    timeout: float = 20
    """Seconds to wait for each answer of a server."""

    @classmethod
    def connected(cls, name: str, **changes: Any) -> Self:
        """The account that `agentkit connect NAME` has connected; `changes` are other fields, such as `timeout`.

        Raises:
            NotConnected: there is none of that name.
            InvalidSettings: nobody said where its mail is.
        """
        account = Connected(name)
        given = {"address": account.entry.address, **account.entry.provider.mail_servers(), **changes}
        return cls.model_validate({**given, "tokens": account})

    @property
    def user(self) -> str:
        """The name to log in with."""
        return self.login or self.address

    @property
    def domain(self) -> str:
        """The part of the address behind the @."""
        return self.address.rpartition("@")[2]

    @property
    def reading_security(self) -> Security:
        """How the IMAP connection is protected."""
        return self.imap_security or self.security

    def tls(self) -> ssl.SSLContext:
        """How every connection verifies the server it talks to.

        Raises:
            InvalidSettings: `ca_file` cannot be used.
        """
        return trusting(self.ca_file)

    def log_in_imap(self, box: BaseMailBox) -> None:
        """Log in to the IMAP server, and look into no folder yet.

        Raises:
            ToolFailed: the access tokens of a connected account are not accepted.
            ImapToolsError: the password is not accepted.
        """
        if self.password is not None:
            password = self.password.get_secret_value()
            # In a plain LOGIN other characters cannot stand; the library's complaint would show one of them.
            login = box.login if _plain(self.user + password) else box.login_utf8
            login(self.user, password, None)
            return
        offers: Any = box.client.capabilities
        mechanism = sasl.offered((each[5:] for each in offers if each.startswith("AUTH=")), self.imap_host)

        def show(token: str) -> None:
            words = sasl.Shown(mechanism, self.user, token)
            box.client.authenticate(mechanism, lambda said: words(said).encode())

        self._show_token(show, self.imap_host)

    def log_in_smtp(self, smtp: smtplib.SMTP) -> None:
        """Log in to the submission server.

        Raises:
            ToolFailed: the access tokens of a connected account are not accepted.
            SMTPException: the password is not accepted.
        """
        if self.password is not None:
            password = self.password.get_secret_value()
            if not _plain(self.user + password):
                raise ToolFailed("nothing was sent: SMTP takes a name and a password of ASCII characters alone")
            smtp.login(self.user, password)
            return
        smtp.ehlo_or_helo_if_needed()
        mechanism = sasl.offered(smtp.esmtp_features.get("auth", "").split(), self.smtp_host)
        self._show_token(lambda token: smtp.auth(mechanism, sasl.Shown(mechanism, self.user, token)), self.smtp_host)

    def http_auth(self) -> httpx.Auth:
        """For JMAP: what an httpx client shows to the server. It goes only where `jmap_url` leads."""
        if self.tokens is not None:
            return Bearer(self.tokens)
        assert self.password is not None, "there is a password where there are no tokens"
        return httpx.BasicAuth(self.user, self.password.get_secret_value())

    def _show_token(self, show: Callable[[str], object], host: str) -> None:
        """A token may be refused before its time: then a fresh one is shown, once."""
        assert self.tokens is not None, "there are tokens where there is no password"
        rejected, said = None, ""
        for _ in range(2):
            token = self.tokens.access_token(rejected)
            try:
                show(token)
            except (IMAP4.error, smtplib.SMTPException) as error:
                if not _is_no(error):
                    raise
                rejected, said = token, str(error).replace(token, "***")
            else:
                return
        raise ToolFailed(f"{host} refuses even a fresh access token of {self.user}: {said}")

    @model_validator(mode="after")
    def _keep_the_password_secret(self) -> Self:
        for host, security in ((self.smtp_host, self.security), (self.imap_host, self.reading_security)):
            if security == "none" and not is_loopback(host):
                raise ValueError(f"security 'none' would show the password on the way to {host}: use 'tls'")
        return self

    @model_validator(mode="after")
    def _log_in_one_way(self) -> Self:
        if (self.password is None) == (self.tokens is None):
            raise ValueError("give a password, or the tokens of a connected account: exactly one of them")
        return self


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _is_no(error: Exception) -> bool:
    """Whether the server has refused the token; an ended connection is an error too, and no answer."""
    if isinstance(error, IMAP4.abort):
        return False
    return isinstance(error, IMAP4.error | smtplib.SMTPAuthenticationError)
