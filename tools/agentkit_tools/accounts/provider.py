"""The providers of accounts, as data: where a person agrees, where tokens come from, where mail and calendars are."""

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agentkit.errors import InvalidSettings
from agentkit.settings import Reference
from agentkit_tools.secrecy import require_https

Security = Literal["tls", "starttls", "none"]


def _endpoint(url: str) -> str:
    require_https(url)
    return url


Endpoint = Annotated[str, AfterValidator(_endpoint)]
"""https, or on the loopback; taken as it is written."""


class Provider(BaseModel):
    """Whoever keeps accounts and lets programs into them by OAuth 2.0.

    Raises:
        ValueError: an address that is neither https nor on the loopback.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    authorization_url: Endpoint
    """Where a person agrees, in a browser."""
    token_url: Endpoint
    revocation_url: Endpoint | None = None
    """Where tokens are given back (RFC 7009); not every provider has one."""
    scopes: tuple[str, ...]
    parameters: dict[str, str] = {}
    """What the provider wants to be told besides, when it asks the person."""
    redirect_host: Literal["127.0.0.1", "localhost"] = "127.0.0.1"
    """What the provider allows as the address of a program on the person's own machine."""
    client_id: str | None = None
    """Of your own registration with the provider; public."""
    client_secret: Reference | None = None
    """Where the secret of that registration is, if it has one."""
    client_authentication: Literal["post", "basic"] = "post"
    """Whether the secret goes into the request's body or its header."""
    register_at: str = "the provider's page for developers"
    """Where such a registration is made."""
    manage_at: str = "the provider's page for connected apps"
    """Where a person sees and ends what was agreed to."""
    imap_host: str | None = None
    imap_port: int = 993
    imap_security: Security = "tls"
    smtp_host: str | None = None
    smtp_port: int = 465
    smtp_security: Security = "tls"
    jmap_url: Endpoint | None = None
    calendar_url: Annotated[str | None, Field(pattern=r"^https?://")] = None
    """Of the main calendar, for CalDAV; `{address}` stands for the account's address."""
    ca_file: Path | None = None
    """The authority that vouches for all of these servers, in the place of those that the system trusts."""

    def mail_servers(self) -> dict[str, Any]:
        """In the words of a `MailAccount`.

        Raises:
            InvalidSettings: the provider has no mail, or nobody said where.
        """
        if self.imap_host is None or self.smtp_host is None:
            raise InvalidSettings("this account's provider has no imap_host and smtp_host in accounts.toml")
        return {
            "imap_host": self.imap_host,
            "imap_port": self.imap_port,
            "imap_security": self.imap_security,
            "smtp_host": self.smtp_host,
            "smtp_port": self.smtp_port,
            "security": self.smtp_security,
            "jmap_url": self.jmap_url,
            "ca_file": self.ca_file,
        }

    def calendar_of(self, address: str) -> str:
        """Where the main calendar of an account is.

        Raises:
            InvalidSettings: the provider has no calendars, or nobody said where.
        """
        if self.calendar_url is None:
            raise InvalidSettings("this account's provider has no calendar_url; CalendarAccount.connected takes a url")
        return self.calendar_url.replace("{address}", quote(address, safe="@"))


GOOGLE = Provider(
    authorization_url="https://accounts.google.com/o/oauth2/v2/auth",
    token_url="https://oauth2.googleapis.com/token",
    revocation_url="https://oauth2.googleapis.com/revoke",
    scopes=("https://mail.google.com/", "https://www.googleapis.com/auth/calendar"),
    # Without these Google gives a refresh token at the first time only.
    parameters={"access_type": "offline", "prompt": "consent"},
    register_at="https://console.cloud.google.com/auth/clients (application type: desktop app)",
    manage_at="https://myaccount.google.com/connections",
    imap_host="imap.gmail.com",
    smtp_host="smtp.gmail.com",
    calendar_url="https://apidata.googleusercontent.com/caldav/v2/{address}/events/",
)

MICROSOFT = Provider(
    authorization_url="https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
    token_url="https://login.microsoftonline.com/common/oauth2/v2.0/token",
    scopes=(
        "offline_access",
        "https://outlook.office.com/IMAP.AccessAsUser.All",
        "https://outlook.office.com/SMTP.Send",
    ),
    redirect_host="localhost",
    register_at="https://entra.microsoft.com, App registrations (platform: mobile and desktop, http://localhost)",
    manage_at="https://myapps.microsoft.com, or https://account.live.com/consent/Manage for a personal account",
    imap_host="outlook.office365.com",
    smtp_host="smtp.office365.com",
    smtp_port=587,
    smtp_security="starttls",
)

KNOWN = {"google": GOOGLE, "microsoft": MICROSOFT}
