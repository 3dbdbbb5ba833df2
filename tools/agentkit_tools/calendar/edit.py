"""Changing a stored event, or one occurrence of it, and leaving everything else in it as it was."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import icalendar
from icalendar import vText

from agentkit.errors import ToolFailed
from agentkit_tools.calendar.draft import check_midnights, lines_of
from agentkit_tools.calendar.event import moment, span
from agentkit_tools.calendar.fingerprint import MARK, fingerprint
from agentkit_tools.calendar.series import move_series
from agentkit_tools.calendar.source import Source, content_line, lines_named, with_properties
from agentkit_tools.calendar.stored import events_in, find_occurrence, main_event, override_at
from agentkit_tools.calendar.times import later, time_line

REPEATING = ("RRULE", "RDATE", "EXDATE", "EXRULE")
TIMES = ("DTSTART", "DTEND", "DURATION")
OTHER_FORMS: Mapping[str, Sequence[str]] = {
    "DESCRIPTION": ("X-ALT-DESC", "STYLED-DESCRIPTION"),
    "LOCATION": ("X-APPLE-STRUCTURED-LOCATION", "GEO"),
}
"""What says the same in another form, and what programs prefer to show: it goes when the plain form changes."""


@dataclass(frozen=True)
class Wanted:
    """What shall be different afterwards; None stays as it is."""

    summary: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    location: str | None = None
    description: str | None = None
    occurrence: datetime | None = None
    """Only in this one of many."""
    attendees: Sequence[str] | None = None
    """All who are invited afterwards."""


@dataclass(frozen=True)
class Stamp:
    """Which action of ours changes it, and when."""

    action: str
    at: datetime


Lines = dict[str, Sequence[str]]


def changed(text: str, wanted: Wanted, zone: ZoneInfo, stamp: Stamp) -> str:
    """The calendar object as it shall be stored.

    Raises:
        ToolFailed: the event has no such occurrence, or the times do not fit.
    """
    events, source = _editable(text)
    number = main_event(events)
    if wanted.occurrence is not None:
        number, events, source = _with_override(text, events, source, wanted.occurrence, zone)
    event = events[number]
    changes = _texts(wanted) | _times(event, wanted, zone) | _people(source.event(number), wanted)
    if wanted.start is not None and number == main_event(events):
        source = move_series(source, events, wanted.start, zone)
    if not changes:
        raise ToolFailed("nothing is to be changed; say what: summary, start, end, location, description")
    return _written(source, number, event, changes, stamp)


def without(text: str, occurrence: datetime, zone: ZoneInfo, stamp: Stamp) -> str:
    """The calendar object without one of its occurrences.

    Raises:
        ToolFailed: the event has no such occurrence.
    """
    events, source = _editable(text)
    which = find_occurrence(text, events, occurrence, zone)
    if (override := override_at(events, which, zone)) is not None:
        source, events = source.with_event(override, ()), [*events[:override], *events[override + 1 :]]
    number = main_event(events) if events else None
    if number is None or "RECURRENCE-ID" in events[number]:
        raise ToolFailed("only single occurrences are in this calendar; delete it without naming an occurrence")
    old = lines_named(source.event(number), "EXDATE")
    new = time_line("EXDATE", which, events[number]["DTSTART"], zone)
    return _written(source, number, events[number], {"EXDATE": [*old, new]}, stamp)


def restorable(text: str) -> str:
    """What was there before a change of ours, as a newer version than ours: attendees' programs ignore older ones."""
    source = Source.read(text)
    for number, event in enumerate(events_in(text)):
        sequence = _sequence(event) + 2
        lines = with_properties(source.event(number), {"SEQUENCE": [f"SEQUENCE:{sequence}"]})
        source = source.with_event(number, lines)
    return source.text


def _editable(text: str) -> tuple[list[icalendar.Event], Source]:
    """All that a change and its undo read of it can be read."""
    events = events_in(text)
    for event in events:
        _sequence(event)
    return events, Source.read(text)


def _sequence(event: icalendar.Event) -> int:
    """How often it was changed, as it says itself."""
    try:
        return int(event.get("SEQUENCE", 0))
    except (TypeError, ValueError):
        raise ToolFailed(
            "the event does not say by one number how often it was changed (SEQUENCE): mend it in a calendar program, "
            "or delete it and make a new one"
        ) from None


def _with_override(
    text: str, events: list[icalendar.Event], source: Source, occurrence: datetime, zone: ZoneInfo
) -> tuple[int, list[icalendar.Event], Source]:
    """The object with an event for this occurrence alone, and that event's number."""
    which = find_occurrence(text, events, occurrence, zone)
    if (there := override_at(events, which, zone)) is not None:
        return there, events, source
    number = main_event(events)
    like = events[number]["DTSTART"]
    begins, ends = span(events[number])
    finish = later(which, like, ends - begins, zone)
    changes: Lines = {name: () for name in (*REPEATING, *TIMES, MARK)}
    changes["RECURRENCE-ID"] = [time_line("RECURRENCE-ID", which, like, zone)]
    changes["DTSTART"] = [time_line("DTSTART", which, like, zone)]
    changes["DTEND"] = [time_line("DTEND", finish, like, zone)]
    master = source.event(number)
    source = source.with_event(number, [*master, *with_properties(master, changes)])
    return number + 1, events_in(source.text), source


def _texts(wanted: Wanted) -> Lines:
    changes: Lines = {}
    for name in ("SUMMARY", "LOCATION", "DESCRIPTION"):
        if (value := getattr(wanted, name.lower())) is not None:
            changes[name] = [content_line(name, vText(lines_of(value)).to_ical().decode())] if value else ()
            changes |= {other: () for other in OTHER_FORMS.get(name, ())}
    return changes


def _people(event: Sequence[str], wanted: Wanted) -> Lines:
    """Who stays keeps what he has answered."""
    if wanted.attendees is None:
        return {}
    there = {
        re.sub(r"\r\n[ \t]", "", line).lower().rpartition(":mailto:")[2]: line
        for line in lines_named(event, "ATTENDEE")
    }
    invited = "ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE"
    lines = [there.get(each.lower()) or content_line(invited, f"mailto:{each}") for each in wanted.attendees]
    return {"ATTENDEE": lines}


def _times(event: icalendar.Event, wanted: Wanted, zone: ZoneInfo) -> Lines:
    """Who gives only a new start moves the event; who gives only a new end makes it longer or shorter."""
    if wanted.start is None and wanted.end is None:
        return {}
    like = cast("Any", event["DTSTART"])
    begins, ends = span(event)
    start = wanted.start or moment(begins, zone)
    end = wanted.end or later(start, like, ends - begins, zone)
    if end <= start:
        raise ToolFailed(f"the event would end ({end.isoformat()}) before it starts ({start.isoformat()})")
    if not isinstance(begins, datetime):
        check_midnights(zone, start, end)
    return {
        "DTSTART": [time_line("DTSTART", start, like, zone)],
        "DTEND": [time_line("DTEND", end, event.get("DTEND", like), zone)],
        "DURATION": (),
    }


def _written(source: Source, number: int, event: icalendar.Event, changes: Lines, stamp: Stamp) -> str:
    """With a higher SEQUENCE, and the mark by which a second attempt knows what the first one wrote."""
    now = f"{stamp.at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    sequence = _sequence(event) + 1
    changes |= {"DTSTAMP": [f"DTSTAMP:{now}"], "LAST-MODIFIED": [f"LAST-MODIFIED:{now}"]}
    changes |= {"SEQUENCE": [f"SEQUENCE:{sequence}"], MARK: ()}
    source = source.with_event(number, with_properties(source.event(number), changes))
    mark = content_line(f"{MARK};X-WRITTEN={fingerprint(source.text)}", stamp.action)
    return source.with_event(number, with_properties(source.event(number), {MARK: [mark]})).text
