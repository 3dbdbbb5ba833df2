"""Time zones by their names, and moments on the clock of such a zone."""

from datetime import UTC, date, datetime
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime

from agentkit.errors import ToolFailed


def _known(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}; write it as Europe/Lisbon") from None
    return name


TimeZone = Annotated[str, AfterValidator(_known)]
"""The name of a time zone in the IANA database."""

Dated = TypeVar("Dated", bound=date)


def _in_our_time(value: Dated) -> Dated:
    """What lies further off cannot be moved to another zone, or is not what anybody meant."""
    if not 1900 <= value.year <= 2200:
        raise ValueError(f"a calendar's years go from 1900 to 2200, and {value.year} is none of them")
    return value


Moment = Annotated[AwareDatetime, AfterValidator(_in_our_time)]
"""A point in time, with its offset from UTC."""

Day = Annotated[date, AfterValidator(_in_our_time)]


def on_the_clock(moment: datetime, zone: ZoneInfo) -> datetime:
    """The moment as a clock in the zone shows it; UTC stays UTC, so that it is written without a zone."""
    return moment.astimezone(UTC if zone.key == "UTC" else zone).replace(fold=0)


def check_clock(moment: datetime, zone: ZoneInfo) -> None:
    """A clock that is set back shows the same times twice, and iCalendar cannot say which (RFC 5545, section 3.3.5).

    Raises:
        ToolFailed: the moment is in the second pass.
    """
    if on_the_clock(moment, zone).astimezone(UTC) != moment.astimezone(UTC):
        raise ToolFailed(
            f"clocks in {zone.key} show {moment.astimezone(zone):%H:%M} twice on that day, and a calendar means the "
            "first time; give time_zone='UTC'"
        )
