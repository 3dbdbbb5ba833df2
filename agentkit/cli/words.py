"""Values in words: short, on one line, and with everything invisible made visible."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from agentkit.approval.shown import visible

SHORT = 100
"""How much of a value an overview shows."""
WIDE = "\u0300"
"""Characters from here on may take two cells."""


def line(text: object, most: int | None = SHORT) -> str:
    """A text from anywhere as one harmless line."""
    flat = visible(" ".join(str(text).split()))
    return flat if most is None or len(flat) <= most else flat[: most - 3] + "..."


def value(data: Any) -> str:
    """A JSON value on one line."""
    return visible(json.dumps(data, ensure_ascii=False, default=str))


def arguments(data: Mapping[str, Any], most: int = SHORT) -> str:
    """`name="ann.txt" text="..."`, cut to what an overview can show."""
    return line(" ".join(f"{name}={value(given)}" for name, given in data.items()), most)


def block(data: Any) -> str:
    """A value in full; a text of several lines keeps them."""
    return visible(data) if isinstance(data, str) and "\n" in data else value(data)


def folded(text: str, room: int) -> list[str]:
    """A text from anywhere in lines of at most so many cells. Nothing is lost; words stay whole where they can."""
    flat = visible(text).replace("\t", "⟨TAB⟩")
    return [part for each in flat.split("\n") for part in (list(_parts(each, room)) or [""])]


def cells(text: str) -> int:
    """How wide a terminal may draw it. Terminals differ about much that is not Latin: that counts as wide."""
    return len(text) + sum(character >= WIDE for character in text)


def _parts(text: str, room: int) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = start + _fitting(text[start : start + room], room)
        if end < len(text) and (blank := text.rfind(" ", start, end)) > (start + end) // 2:
            end = blank + 1
        yield text[start:end]
        start = end


def _fitting(text: str, room: int) -> int:
    """How many of its characters fit; at least one."""
    while len(text) > 1 and cells(text) > room:
        text = text[:-1]
    return len(text)


def clock(at: datetime) -> str:
    """To the second, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def away(at: datetime, now: datetime) -> str:
    """`5 min ago` or `in 5 min`."""
    return f"{span(now - at)} ago" if at <= now else f"in {span(at - now)}"


def span(length: timedelta) -> str:
    """A length of time, roughly."""
    seconds = round(length.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def listed(names: Iterable[str]) -> str:
    """Names as a list in an error message."""
    return str(sorted(names))
