"""What a stored calendar object holds: an event, and those of its occurrences that differ from the others."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

from agentkit.errors import ToolFailed
from agentkit_tools.calendar.event import moment, span
from agentkit_tools.calendar.fingerprint import MARK, fingerprint

UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError)
"""What reading a malformed event may raise: a property is there twice, is no number, or lies beyond all years."""

OFTEN = ("SECONDLY", "MINUTELY", "HOURLY")
LONGEST = timedelta(days=366)


def events_in(text: str) -> list[icalendar.Event]:
    """Every event of the object: the repeating one and the occurrences of it that differ, in their order.

    Raises:
        ToolFailed: there is none, or the text is no calendar object.
    """
    try:
        calendar: Any = icalendar.Calendar.from_ical(text)
        events: list[icalendar.Event] = list(calendar.walk("VEVENT"))
    except ValueError as error:
        raise ToolFailed(f"what lies there is not a calendar object: {error}") from None
    if not events or "DTSTART" not in events[main_event(events)]:
        raise ToolFailed("what lies there is not an event")
    return events


def main_event(events: Sequence[icalendar.Event]) -> int:
    """The one that is not an occurrence of another; invited to one occurrence only, a guest has no such."""
    return next((number for number, event in enumerate(events) if "RECURRENCE-ID" not in event), 0)


def event_at(text: str, occurrence: datetime | None, zone: ZoneInfo) -> icalendar.Event:
    """The event, or its occurrence where that differs."""
    events = events_in(text)
    if occurrence is not None and (override := override_at(events, occurrence, zone)) is not None:
        return events[override]
    return events[main_event(events)]


def find_occurrence(text: str, events: Sequence[icalendar.Event], sought: datetime, zone: ZoneInfo) -> datetime:
    """The start that the rule gives to the occurrence.

    Raises:
        ToolFailed: the event does not repeat, or not at that time.
    """
    if not any(name in event for event in events for name in ("RRULE", "RDATE", "RECURRENCE-ID")):
        raise ToolFailed("the event does not repeat; leave the occurrence out")
    if override_at(events, sought, zone) is not None:
        return sought
    if not all(map(is_countable, events)):
        raise ToolFailed("the event repeats too often for these tools; change it in a calendar program")
    calendar: Any = icalendar.Calendar.from_ical(text)
    near: Any = recurring_ical_events.of(calendar).between(sought, sought + timedelta(seconds=1))
    if not any(_which(each, zone) == sought for each in near):
        raise ToolFailed(
            f"the event has no occurrence at {sought.isoformat()}; give what calendar.list_events shows as `occurrence`"
        )
    return sought


def is_countable(event: icalendar.Event) -> bool:
    """Whether its occurrences can be worked out in reasonable time: few on a day, and none on top of many others."""
    there: Any = event.get("RRULE")
    if there is None:
        return True
    begins, ends = span(event)
    rules = cast("list[Any]", there) if isinstance(there, list) else [there]
    return ends - begins <= LONGEST and all(map(_is_calm, rules))


def _is_calm(rule: Any) -> bool:
    hours, minutes, seconds = (len(rule.get(part, [])) or 1 for part in ("BYHOUR", "BYMINUTE", "BYSECOND"))
    return (
        not any(str(each).upper() in OFTEN for each in rule["FREQ"])
        and all(int(each) > 0 for each in rule.get("INTERVAL", [1]))
        and hours * minutes * seconds <= 4
    )


def override_at(events: Sequence[icalendar.Event], sought: datetime, zone: ZoneInfo) -> int | None:
    """The number of the event that stands for this occurrence, if it differs from the others."""
    numbers = (number for number, event in enumerate(events) if "RECURRENCE-ID" in event)
    return next((number for number in numbers if _which(events[number], zone) == sought), None)


def _which(event: icalendar.Component, zone: ZoneInfo) -> datetime:
    return moment(cast("Any", event["RECURRENCE-ID" if "RECURRENCE-ID" in event else "DTSTART"]).dt, zone)


def is_ours(text: str, action: str) -> bool:
    """Whether this action wrote it, and nobody has changed it since."""
    marks: list[Any] = [event[MARK] for event in events_in(text) if MARK in event]
    return any(str(mark) == action and mark.params.get("X-WRITTEN") == fingerprint(text) for mark in marks)
