"""A new event, from what the caller wants to the calendar object that is stored."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar

from agentkit.errors import ToolFailed
from agentkit_tools.calendar.definition import definition_of
from agentkit_tools.calendar.repeats import Repeats
from agentkit_tools.calendar.zone import check_clock, on_the_clock

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Draft:
    """An event that is not stored yet."""

    uid: str
    summary: str
    start: datetime
    end: datetime
    zone: ZoneInfo
    """On whose clock it stays, also when its occurrences lie in summer and in winter."""
    all_day: bool = False
    description: str = ""
    location: str = ""
    repeats: Repeats | None = None
    reminder_minutes: int | None = None
    organizer: str | None = None
    attendees: Sequence[str] = ()

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ToolFailed: the times do not fit together.
        """
        if self.end <= self.start:
            raise ToolFailed(f"the event ends ({self.end.isoformat()}) before it starts ({self.start.isoformat()})")
        if self.all_day:
            check_midnights(self.zone, self.start, self.end)
        else:
            check_clock(self.start, self.zone)
            check_clock(self.end, self.zone)
        if self.repeats and (miss := self.repeats.misses(self.start.astimezone(self.zone).date())):
            raise ToolFailed(f"the event does not fit its own repetition: {miss}")

    def event(self) -> icalendar.Event:
        """The event, without the time stamp."""
        event: Any = icalendar.Event()
        event.add("uid", self.uid)
        event.add("dtstart", self._point(self.start))
        event.add("dtend", self._point(self.end))
        for name in ("summary", "description", "location"):
            if text := getattr(self, name):
                event.add(name, lines_of(text))
        if self.repeats:
            event.add("rrule", self.repeats.as_rule(self.zone, self.all_day))
        self._add_people(event)
        if self.reminder_minutes is not None:
            event.add_component(_reminder(self.summary, self.reminder_minutes))
        return event

    def content(self, stamp: datetime) -> str:
        """The calendar object to store; the same text for the same draft and stamp."""
        event: Any = self.event()
        event.add("dtstamp", stamp.astimezone(UTC))
        calendar: Any = icalendar.Calendar()
        calendar.add("prodid", "-//agentkit//EN")
        calendar.add("version", "2.0")
        if not self.all_day and self.zone.key != "UTC":
            calendar.add_component(definition_of(self.zone, self.start))
        calendar.add_component(event)
        return calendar.to_ical().decode()

    def _point(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date() if self.all_day else on_the_clock(moment, self.zone)

    def _add_people(self, event: Any) -> None:
        if self.organizer and self.attendees:
            event.add("organizer", f"mailto:{self.organizer}")
        for address in self.attendees:
            event.add("attendee", f"mailto:{address}", parameters={"PARTSTAT": "NEEDS-ACTION", "RSVP": "TRUE"})


def check_midnights(zone: ZoneInfo, *moments: datetime) -> None:
    """Whole days begin and end where the calendar's days do.

    Raises:
        ToolFailed: one of the moments is not a midnight in the zone.
    """
    for moment in moments:
        local = moment.astimezone(zone)
        if local.time() != time(0):
            raise ToolFailed(
                f"whole days go from midnight to the midnight after the last day, in {zone.key}; "
                f"{local.isoformat()} is no midnight there"
            )


def lines_of(text: str) -> str:
    """With the only line break that iCalendar can write, and without the control characters that it cannot."""
    return CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _reminder(summary: str, minutes: int) -> icalendar.Alarm:
    alarm: Any = icalendar.Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", lines_of(summary) or "Reminder")
    alarm.add("trigger", timedelta(minutes=-minutes))
    return alarm


def event_uid(key: str) -> str:
    """The uid of the event that an action makes: known before it is made, the same at every attempt."""
    return f"ak-{key[:32]}"
