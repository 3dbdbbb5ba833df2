"""The calendar an agent may work in, and who it logs in as."""

from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from agentkit_tools.accounts import Connected
from agentkit_tools.accounts.dav import DavBearer
from agentkit_tools.calendar.zone import TimeZone
from agentkit_tools.secrecy import AccessTokens, require_https


class CalendarAccount(BaseModel):
    """One calendar on a CalDAV server; `repr` never shows the password.

    It logs in with a user name and a password or, where it is connected by OAuth, with access tokens.

    Raises:
        ValueError: a URL that is neither https nor on the loopback, an unknown time zone, or not exactly one of
            `password` and `tokens`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)

    url: Annotated[str, AfterValidator(require_https)]
    """Of the calendar itself, not of the server."""
    username: str
    password: SecretStr | None = None
    tokens: Annotated[AccessTokens | None, Field(repr=False)] = None
    """In the place of a password: what `CalendarAccount.connected` brings along."""
    time_zone: TimeZone = "UTC"
    """Where a day begins and ends, and where whole-day events are."""
    ca_file: Path | None = None
    """The authority that vouches for the server, in PEM, in the place of those that the system trusts."""
    timeout: int = 20
    """Seconds to wait for an answer."""

    @classmethod
    def connected(cls, name: str, url: str | None = None, **changes: Any) -> Self:
        """The main calendar of the account that `agentkit connect NAME` has connected, or another one at `url`.

        `changes` are other fields, such as `time_zone`.

        Raises:
            NotConnected: there is no account of that name.
            InvalidSettings: nobody said where its calendar is.
        """
        account = Connected(name)
        address, provider = account.entry.address, account.entry.provider
        given = {"username": address, "ca_file": provider.ca_file, **changes}
        return cls.model_validate({**given, "url": url or provider.calendar_of(address), "tokens": account})

    def client_options(self) -> dict[str, Any]:
        """Who logs in, and how the server is verified: arguments of a `DAVClient`.

        A request of that client raises `ToolFailed` when there is no access token for a connected account; nothing
        was asked of the calendar then.
        """
        verify = {"ssl_verify_cert": str(self.ca_file) if self.ca_file else True, "timeout": self.timeout}
        if self.tokens is not None:
            return {"auth": DavBearer(self.tokens), **verify}
        assert self.password is not None, "there is a password where there are no tokens"
        password = self.password.get_secret_value()
        return {"username": self.username, "password": password, "auth_type": "basic", **verify}

    @property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.time_zone)

    def url_of(self, uid: str) -> str:
        """Where the event with this uid lies when we make it."""
        return f"{self.url}{uid}.ics"

    def holds(self, url: str) -> bool:
        """Whether the URL is an event of this calendar; to any other the password must not be shown."""
        parts, path, base = urlsplit(url), unquote(urlsplit(url).path), urlsplit(self.url)
        name = path.removeprefix(unquote(base.path))
        return (
            (parts.scheme, parts.netloc) == (base.scheme, base.netloc)
            and not parts.query
            and not parts.fragment
            and name != path
            and name not in ("", ".", "..")
            and not {"/", "\\"} & set(name)
        )

    @model_validator(mode="after")
    def _log_in_one_way(self) -> Self:
        if (self.password is None) == (self.tokens is None):
            raise ValueError("give a password, or the tokens of a connected account: exactly one of them")
        return self
