"""Values in words: short, on one line, and with everything invisible made visible."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from agentkit.approval.shown import visible

SHORT = 100
"""How much of a value an overview shows."""


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
    """A value in full. Longer texts stand behind a bar, so that nothing in them can pass for a line of ours."""
    if not isinstance(data, str) or ("\n" not in data and len(data) <= SHORT):
        return value(data)
    return "\n".join("| " + visible(each).replace("\t", "⟨TAB⟩") for each in data.split("\n"))


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
