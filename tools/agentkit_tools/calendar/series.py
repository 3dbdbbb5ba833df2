"""Moving all occurrences of an event to another time of the day: what was cancelled or changed stays so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, cast
from zoneinfo import ZoneInfo

import icalendar

from agentkit.errors import ToolFailed
from agentkit_tools.calendar.event import moment, span
from agentkit_tools.calendar.source import Source, content_line, with_properties
from agentkit_tools.calendar.stored import main_event
from agentkit_tools.calendar.times import time_line


@dataclass(frozen=True)
class Shift:
    """By how much, on the clock that the series is kept on."""

    by: timedelta
    clock: tzinfo
    zone: ZoneInfo
    like: Any
    """The first start, whose form the others take."""

    def line(self, name: str, value: date) -> str:
        """A point in time, shifted; the clock's own change between summer and winter is none of our shift."""
        return time_line(name, self.of(value), self.like, self.zone)

    def of(self, value: date) -> datetime:
        """The point in time itself, shifted."""
        local = moment(value, self.zone).astimezone(self.clock).replace(tzinfo=None)
        return (local + self.by).replace(tzinfo=self.clock)


def move_series(source: Source, events: Sequence[icalendar.Event], start: datetime, zone: ZoneInfo) -> Source:
    """The object with everything that depends on the series' first start moved along; that itself is left.

    Raises:
        ToolFailed: the series would come to lie on other days, or its rule is too strange to be moved.
    """
    event = events[main_event(events)]
    first = moment(span(event)[0], zone)
    if start == first or not ("RRULE" in event or "RDATE" in event):
        return source
    _check(event, first, start)
    clock = first.tzinfo or zone
    by = start.astimezone(clock).replace(tzinfo=None) - first.replace(tzinfo=None)
    shift = Shift(by, clock, zone, event["DTSTART"])
    for number, each in enumerate(events):
        lines = _override(each, shift) if "RECURRENCE-ID" in each else _dependents(each, shift)
        source = source.with_event(number, with_properties(source.event(number), lines))
    return source


def _check(event: icalendar.Event, first: datetime, start: datetime) -> None:
    if start.astimezone(first.tzinfo).date() != first.date():
        raise ToolFailed(
            f"the event repeats since {first.date()}. To move one occurrence, say which by `occurrence`; to move all "
            "to another time, give start and end on that first day; for other days make a new event"
        )
    rule = cast("dict[str, Any]", event.get("RRULE", {}))
    if "EXRULE" in event or {"BYHOUR", "BYMINUTE", "BYSECOND"} & set(rule) or not all(map(_is_point, _extras(event))):
        raise ToolFailed("the rule of this event names hours of its own; make a new event in its place")


def _dependents(event: icalendar.Event, shift: Shift) -> dict[str, Sequence[str]]:
    """What names occurrences by their start; a whole day stays that day."""
    lines: dict[str, Sequence[str]] = {
        name: [shift.line(name, each) for each in _dates(event, name)]
        for name in ("EXDATE", "RDATE")
        if all(isinstance(each, datetime) for each in _dates(event, name))
    }
    rule: Any = event.get("RRULE")
    if rule is not None and "UNTIL" in rule and isinstance(rule["UNTIL"][0], datetime):
        until = {"UNTIL": [_in_form_of(shift.of(rule["UNTIL"][0]), rule["UNTIL"][0])]}
        lines["RRULE"] = [content_line("RRULE", icalendar.vRecur({**rule, **until}).to_ical().decode())]
    return lines


def _override(event: icalendar.Event, shift: Shift) -> dict[str, Sequence[str]]:
    """An occurrence that was moved by itself stays where it is; one that differs in other things moves along."""
    which: date = cast("Any", event["RECURRENCE-ID"]).dt
    begins, ends = span(event)
    lines: dict[str, Sequence[str]] = {"RECURRENCE-ID": [shift.line("RECURRENCE-ID", which)]}
    if moment(begins, shift.zone) != moment(which, shift.zone):
        return lines
    moved = {"DTSTART": [shift.line("DTSTART", begins)], "DTEND": [shift.line("DTEND", ends)], "DURATION": ()}
    return lines | moved


def _in_form_of(value: datetime, like: datetime) -> datetime:
    return value.astimezone(like.tzinfo) if like.tzinfo else value.replace(tzinfo=None)


def _extras(event: icalendar.Event) -> list[Any]:
    return [*_dates(event, "EXDATE"), *_dates(event, "RDATE")]


def _dates(event: icalendar.Event, name: str) -> list[Any]:
    there: Any = event.get(name, [])
    lists = cast("list[Any]", there) if isinstance(there, list) else [there]
    return [each.dt for one in lists for each in one.dts]


def _is_point(value: Any) -> bool:
    """Not a period, which RDATE may be."""
    return isinstance(value, date)
