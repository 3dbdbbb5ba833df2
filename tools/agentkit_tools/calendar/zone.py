"""Time zones by their names, and moments on the clock of such a zone."""

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator

from agentkit.errors import ToolFailed


def _known(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}; write it as Europe/Lisbon") from None
    return name


TimeZone = Annotated[str, AfterValidator(_known)]
"""The name of a time zone in the IANA database."""


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
