"""What happens in a time: stored objects taken apart into their occurrences, and never into more than can be read."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

from agentkit.errors import ToolFailed
from agentkit_tools.calendar.event import Event, show
from agentkit_tools.calendar.stored import UNREADABLE, events_in, is_countable, main_event

LIMIT = 500
"""How many events a list may have."""

LONGEST = timedelta(days=3700)
"""For how many days they may be listed."""

PATIENCE = 30.0
"""Seconds that may go by until all rules are worked out."""

MARGIN = timedelta(days=1)
"""What is kept without a zone is a day earlier or later elsewhere."""


@dataclass(frozen=True)
class Found:
    """An object that a server has named."""

    url: str
    etag: str | None
    text: str


@dataclass(frozen=True)
class Window:
    """From its start until before its end."""

    start: datetime
    end: datetime

    def check(self) -> None:
        """Refuse what no list can show.

        Raises:
            ToolFailed: it is more than ten years.
        """
        if self.end - self.start > LONGEST:
            raise ToolFailed("narrow the days: at most ten years are listed at a time")

    def holds(self, event: Event) -> bool:
        """Whether some of the event, or the moment that it is, lies in here."""
        return event.start < self.end and (event.end > self.start or event.start >= self.start)


def agenda(objects: Iterable[Found], window: Window, zone: ZoneInfo) -> list[Event]:
    """Every event and occurrence in the window, in their order. It may take a while.

    Raises:
        ToolFailed: they are too many, or one of them cannot be read.
    """
    events = list(islice(_all(objects, window, zone), LIMIT + 1))
    if len(events) > LIMIT:
        raise ToolFailed(f"more than {LIMIT} events happen on these days; narrow the days")
    return sorted(events, key=lambda event: event.start)


def _all(objects: Iterable[Found], window: Window, zone: ZoneInfo) -> Iterator[Event]:
    deadline = time.monotonic() + PATIENCE
    for found in objects:
        if time.monotonic() > deadline:
            raise ToolFailed("the rules of these events take too long to work out; narrow the days")
        try:
            yield from _occurrences(found, window, zone)
        except UNREADABLE as error:
            raise ToolFailed(f"the event at {found.url} cannot be read: {error}") from error


def _occurrences(found: Found, window: Window, zone: ZoneInfo) -> list[Event]:
    """What repeats more often than can be shown is shown once, as what repeats, however often it is on these days."""
    events = events_in(found.text)
    if not all(map(is_countable, events)):
        return [show(events[main_event(events)], found.url, found.etag, zone)]
    calendar: Any = icalendar.Calendar.from_ical(found.text)
    near: Any = recurring_ical_events.of(calendar).between(window.start - MARGIN, window.end + MARGIN)
    shown = [show(_named(each, events), found.url, found.etag, zone) for each in near]
    return [event for event in shown if window.holds(event)]


def _named(occurrence: Any, events: Iterable[icalendar.Event]) -> Any:
    """What repeats says which of its occurrences this is; what does not has none, whatever the library says."""
    if not any(name in event for event in events for name in ("RRULE", "RDATE", "RECURRENCE-ID")):
        occurrence.pop("RECURRENCE-ID", None)
    return occurrence
