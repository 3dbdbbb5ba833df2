"""The calendar an agent may work in, and who it logs in as."""

from typing import Annotated
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr

from agentkit_tools.secrecy import require_https


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}; write it as Europe/Lisbon") from None
    return name


class CalendarAccount(BaseModel):
    """One calendar on a CalDAV server; `repr` never shows the password.

    Raises:
        ValueError: a URL that is neither https nor on the loopback, or an unknown time zone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: Annotated[str, AfterValidator(require_https)]
    """Of the calendar itself, not of the server."""
    username: str
    password: SecretStr
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    """Where a day begins and ends, and where whole-day events are."""
    timeout: int = 20
    """Seconds to wait for an answer."""

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
