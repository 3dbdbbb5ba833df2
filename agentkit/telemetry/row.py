"""A span as it is kept for people to look at, and the store of them in memory."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any, Protocol


@dataclass(frozen=True)
class SpanLink:
    """A span that another one refers to, and why."""

    trace_id: str
    span_id: str
    kind: str


@dataclass(frozen=True)
class SpanEvent:
    """Something that happened at one moment of a span."""

    name: str
    at: datetime
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class SpanRow:
    """A span that has ended. Ids are in hex, times in UTC."""

    trace_id: str
    span_id: str
    parent_id: str | None
    run: str | None
    name: str
    kind: str
    """`internal`, `client` or `server`."""
    start: datetime
    end: datetime
    failure: str | None
    """Why it failed; `None` if it did not."""
    attributes: Mapping[str, Any]
    links: Sequence[SpanLink] = ()
    events: Sequence[SpanEvent] = ()


class SpanStore(Protocol):
    """Where rows are kept. Reading gives the earliest span first, a parent before its children."""

    def write(self, rows: Sequence[SpanRow]) -> None:
        """Keep the rows, all or none."""
        ...

    def read(self, run: str) -> list[SpanRow]:
        """Every span of a run."""
        ...


class RecentSpans:
    """Keeps the last spans in memory."""

    def __init__(self, keep: int = 10_000) -> None:
        self._rows: deque[SpanRow] = deque(maxlen=keep)
        self._lock = Lock()

    def write(self, rows: Sequence[SpanRow]) -> None:
        """Keep the rows; the oldest go."""
        with self._lock:
            self._rows.extend(rows)

    def read(self, run: str) -> list[SpanRow]:
        """Every span of a run that is still kept."""
        with self._lock:
            rows = [row for row in self._rows if row.run == run]
        return in_order(rows)


def in_order(rows: Sequence[SpanRow]) -> list[SpanRow]:
    """The earliest first; of those that start together the parent, which ends last and is kept last."""
    latest_kept_first = reversed(rows)
    return sorted(latest_kept_first, key=lambda row: (row.start, -row.end.timestamp()))
