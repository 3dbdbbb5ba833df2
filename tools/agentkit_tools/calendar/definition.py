"""Saying in a calendar object what a time zone is, for programs that do not know its name (RFC 5545, section 3.6.5)."""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from zoneinfo import ZoneInfo

import icalendar

from agentkit_tools.calendar.repeats import WEEKDAYS

YEARS = 12
"""How far a zone is looked into; what changes every year alike is said to do so for ever."""


@dataclass(frozen=True)
class Turn:
    """A clock that is set forward or back."""

    at: datetime
    """On the clock as it was before."""
    before: timedelta
    after: timedelta
    name: str
    summer: bool

    @property
    def rule(self) -> str:
        """That it comes every year in the same week of the same month."""
        week = -1 if self.at.day + 7 > monthrange(self.at.year, self.at.month)[1] else (self.at.day - 1) // 7 + 1
        return f"FREQ=YEARLY;BYMONTH={self.at.month};BYDAY={week}{WEEKDAYS[self.at.weekday()][:2].upper()}"


def definition_of(zone: ZoneInfo, since: datetime) -> icalendar.Timezone:
    """What the zone's clocks do from the year before on."""
    component = icalendar.Timezone.from_ical(_text(zone.key, since.year - 1))
    assert isinstance(component, icalendar.Timezone)
    return component


@lru_cache(maxsize=64)
def _text(name: str, year: int) -> str:
    zone, start = ZoneInfo(name), datetime(year, 1, 1, tzinfo=UTC)
    turns = [_standing(zone, start), *_turns(zone, start)]
    kinds = groupby(sorted(turns, key=_kind), key=_kind)
    parts = "".join(part for _, kind in kinds for part in _parts(sorted(kind, key=lambda turn: turn.at)))
    return f"BEGIN:VTIMEZONE\r\nTZID:{name}\r\n{parts}END:VTIMEZONE\r\n"


def _standing(zone: ZoneInfo, start: datetime) -> Turn:
    """What holds before anything turns."""
    local = start.astimezone(zone)
    offset = local.utcoffset() or timedelta(0)
    return Turn(datetime(start.year, 1, 1), offset, offset, local.tzname() or zone.key, bool(local.dst()))


def _turns(zone: ZoneInfo, start: datetime) -> Iterator[Turn]:
    day = start
    while day.year < start.year + YEARS:
        after = day + timedelta(days=1)
        if day.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            yield _turn_between(zone, day, after)
        day = after


def _turn_between(zone: ZoneInfo, before: datetime, after: datetime) -> Turn:
    old = before.astimezone(zone).utcoffset() or timedelta(0)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    local = after.astimezone(zone)
    new = local.utcoffset() or timedelta(0)
    return Turn((after + old).replace(tzinfo=None), old, new, local.tzname() or zone.key, bool(local.dst()))


def _kind(turn: Turn) -> tuple[timedelta, timedelta, str, bool]:
    return turn.before, turn.after, turn.name, turn.summer


def _parts(turns: Sequence[Turn]) -> Iterator[str]:
    """One kind of turn: by its rule if it comes every year alike, else date by date."""
    first, *others = turns
    name = "DAYLIGHT" if first.summer else "STANDARD"
    yield f"BEGIN:{name}\r\nDTSTART:{_written(first.at)}\r\n"
    if len(turns) == YEARS and len({(turn.rule, turn.at.time()) for turn in turns}) == 1:
        yield f"RRULE:{first.rule}\r\n"
    else:
        yield from (f"RDATE:{_written(turn.at)}\r\n" for turn in others)
    yield f"TZNAME:{first.name}\r\nTZOFFSETFROM:{_offset(first.before)}\r\nTZOFFSETTO:{_offset(first.after)}\r\n"
    yield f"END:{name}\r\n"


def _written(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%S}"


def _offset(value: timedelta) -> str:
    minutes = abs(value) // timedelta(minutes=1)
    return f"{'-' if value < timedelta(0) else '+'}{minutes // 60:02}{minutes % 60:02}"
