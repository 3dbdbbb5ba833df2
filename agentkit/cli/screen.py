"""The two streams: results go to standard output, messages to standard error."""

import json
import sys
from typing import Any

from rich.console import Console
from rich.text import Text

from agentkit.approval.shown import visible
from agentkit.cli.words import cells, folded

BAR = "| "
NARROWEST = 20


class Whole(str):
    """Words of ours, such as a command to copy: never broken into lines."""

    __slots__ = ()


def say(text: str = "", style: str = "") -> None:
    """A line of the result. Colours only on a terminal, and not with NO_COLOR."""
    _print((text, style), err=False)


def tell(text: str, style: str = "") -> None:
    """A line about what is going on."""
    _print((text.rstrip(" "), style), err=True)


def complain(problem: str) -> None:
    """What went wrong."""
    _print(("error: ", "bold red"), (problem, "red"), err=True)


def facts(pairs: list[tuple[str, str]], indent: str = "") -> None:
    """Names and words of ours below each other."""
    width = max((len(name) for name, _ in pairs), default=0) + 2
    for name, words in pairs:
        _print((indent, ""), (name.ljust(width), "bold"), (words, ""), err=False)


def quote(text: str, style: str = "") -> None:
    """A line with words from outside: what does not fit goes on behind a bar, below its beginning."""
    indent = " " * (len(text) - len(text.lstrip(" ")))
    first, *rest = folded(text, _room())
    if rest:
        first, *rest = folded(text.lstrip(" "), _room() - len(indent + BAR))
        first = indent + first
    say(first, style)
    for line in rest:
        say(indent + BAR + line, style)


def quoted_facts(pairs: list[tuple[str, str]], indent: str = "") -> None:
    """Names and values from outside below each other.

    A value that takes several lines has a bar before each of them, and keeps to its column: nothing in it can pass
    for a line of ours. What is `Whole` stays so. A line without a name goes on with the one above.
    """
    room = _room() - len(indent)
    width = min(max((cells(name) for name, _ in pairs), default=0) + 2, room // 2)
    for name, value in pairs:
        head = name
        if cells(name) + 2 > width:
            quote(indent + name, "bold")
            head = ""
        for line in [value] if isinstance(value, Whole) else _barred(value, room - width):
            _print((indent, ""), (head + " " * (width - cells(head)), "bold"), (line, ""), err=False)
            head = ""


def columns(rows: list[tuple[str, ...]]) -> None:
    """Rows of short values; the last may be long, and is not padded."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        *short, last = [value.ljust(width) for value, width in zip(row, widths, strict=True)]
        quote("  ".join([*short, last.rstrip()]))


def print_json(data: Any, *, indent: int | None = 2) -> None:
    """One JSON value, in ASCII: what is invisible shows."""
    print(json.dumps(data, indent=indent, default=str), flush=True)


def forgiving_streams() -> None:
    """A terminal that lacks a character gets its code instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _barred(value: str, room: int) -> list[str]:
    lines = folded(value, room)
    return lines if len(lines) == 1 else [BAR + line for line in folded(value, room - len(BAR))]


def _room() -> int:
    """How wide the terminal is; 80 where there is none, and COLUMNS says otherwise."""
    return max(Console().width, NARROWEST)


def _print(*parts: tuple[str, str], err: bool) -> None:
    """Whatever is printed is harmless: no text of a model, a tool or a server reaches the terminal as a command."""
    text = Text.assemble(*((visible(part), style) for part, style in parts))
    # Made anew for each line: cheap, and the streams may have been exchanged meanwhile.
    Console(stderr=err, highlight=False, markup=False, emoji=False).print(text, soft_wrap=True)
