"""How often an event comes back."""

from datetime import UTC, date, datetime, time
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agentkit_tools.calendar.zone import Day

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Repeats(BaseModel):
    """A rule for a repeating event; without `count` and `until` it goes on for ever.

    What falls on the 31st, or on the 29th of February, is left out where there is no such day.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    frequency: Literal["daily", "weekly", "monthly", "yearly"]
    interval: int = Field(default=1, ge=1, le=1000)
    """2 and weekly: every other week."""
    count: int | None = Field(default=None, ge=1, le=10_000)
    """How many occurrences there are, the first one included."""
    until: Day | None = None
    """The last day on which it may start."""
    weekdays: tuple[Weekday, ...] = ()
    """For weekly: on which days, the first one's among them. None: on the day of the first one."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.count is not None and self.until is not None:
            raise ValueError("say count or until, not both")
        if self.weekdays and self.frequency != "weekly":
            raise ValueError("weekdays are for what is weekly")
        if len(set(self.weekdays)) != len(self.weekdays):
            raise ValueError("a weekday is named twice")
        return self

    def misses(self, first: date) -> str | None:
        """Why an event that begins on this day does not fit the rule, if it does not."""
        if self.weekdays and WEEKDAYS[first.weekday()] not in self.weekdays:
            return f"the first day is a {WEEKDAYS[first.weekday()]}, which is not among {', '.join(self.weekdays)}"
        if self.until is not None and self.until < first:
            return f"it ends on {self.until}, before the first day, {first}"
        return None

    def as_rule(self, zone: ZoneInfo, all_day: bool) -> dict[str, Any]:
        """The parts of the RRULE (RFC 5545, section 3.3.10)."""
        parts: dict[str, Any] = {"FREQ": self.frequency.upper(), "INTERVAL": self.interval, "COUNT": self.count}
        parts["BYDAY"] = [day[:2].upper() for day in self.weekdays]
        parts["UNTIL"] = self._last(zone, all_day)
        return {name: value for name, value in parts.items() if value and (name, value) != ("INTERVAL", 1)}

    def _last(self, zone: ZoneInfo, all_day: bool) -> date | None:
        """As a day for whole days, else the last second of that day, in UTC."""
        if self.until is None or all_day:
            return self.until
        return datetime.combine(self.until, time(23, 59, 59), zone).astimezone(UTC)
