"""The account a desk sends and reads its mail with."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, SecretStr, model_validator

from agentkit_tools.email.address import Address
from agentkit_tools.secrecy import is_loopback

Security = Literal["tls", "starttls", "none"]


class MailAccount(BaseModel):
    """Where the servers are and who logs in there; `repr` never shows the password.

    Raises:
        ValueError: `security` is "none" for a host that is not the loopback.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    address: Address
    password: SecretStr
    smtp_host: str
    imap_host: str
    smtp_port: int = 465
    imap_port: int = 993
    security: Security = "tls"
    """Of both servers: encrypted from the start, upgraded before the login, or not at all (loopback only)."""
    imap_security: Security | None = None
    """Of the IMAP server, where it differs: submission with STARTTLS beside IMAP with TLS is common."""
    login: str | None = None
    """The user name, where it is not the address."""
    timeout: float = 20
    """Seconds to wait for each answer of a server."""

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

    @model_validator(mode="after")
    def _keep_the_password_secret(self) -> Self:
        for host, security in ((self.smtp_host, self.security), (self.imap_host, self.reading_security)):
            if security == "none" and not is_loopback(host):
                raise ValueError(f"security 'none' would show the password on the way to {host}: use 'tls'")
        return self
