"""Points in time as a stored event writes them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from agentkit.errors import ToolFailed


def time_line(name: str, value: datetime, like: Any, zone: ZoneInfo) -> str:
    """A point in time in the form of another one: a day, UTC, the clock of a zone, or of wherever one is."""
    if not isinstance(like.dt, datetime):
        return f"{name};VALUE=DATE:{value.astimezone(zone):%Y%m%d}"
    if like.dt.tzinfo is not None and "TZID" not in like.params:
        return f"{name}:{value.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    local = value.astimezone(like.dt.tzinfo or zone)
    if (again := local.replace(fold=0)).astimezone(UTC) != value.astimezone(UTC):
        raise ToolFailed(f"clocks show {again:%H:%M} twice on that day, and a calendar means the first time")
    parameter = f';TZID="{like.params["TZID"]}"' if "TZID" in like.params else ""
    return f"{name}{parameter}:{local:%Y%m%dT%H%M%S}"


def later(which: datetime, like: Any, lasts: timedelta, zone: ZoneInfo) -> datetime:
    """By the clock: what goes from nine to five does so in every season."""
    own = like.dt.tzinfo if isinstance(like.dt, datetime) else None
    return which.astimezone(own or zone) + lasts
