"""The two streams: results go to standard output, messages to standard error."""

import json
import sys
from typing import Any

from rich.console import Console
from rich.text import Text

from agentkit.approval.shown import visible


def say(text: str = "", style: str = "") -> None:
    """A line of the result. Colours only on a terminal, and not with NO_COLOR."""
    _print((text, style), err=False)


def tell(text: str, style: str = "") -> None:
    """A line about what is going on."""
    _print((text, style), err=True)


def complain(problem: str) -> None:
    """What went wrong."""
    _print(("error: ", "bold red"), (problem, "red"), err=True)


def facts(pairs: list[tuple[str, str]], indent: str = "") -> None:
    """Names and values below each other; a value of several lines keeps to its column."""
    width = max((len(name) for name, _ in pairs), default=0) + 2
    for name, value in pairs:
        first, *rest = value.split("\n")
        _print((indent, ""), (name.ljust(width), "bold"), (first, ""), err=False)
        for line in rest:
            say(indent + " " * width + line)


def columns(rows: list[tuple[str, ...]]) -> None:
    """Rows of short values; the last may be long, and is not padded."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        *short, last = [value.ljust(width) for value, width in zip(row, widths, strict=True)]
        say("  ".join([*short, last.rstrip()]))


def print_json(data: Any, *, indent: int | None = 2) -> None:
    """One JSON value, in ASCII: what is invisible shows."""
    print(json.dumps(data, indent=indent, default=str), flush=True)


def forgiving_streams() -> None:
    """A terminal that lacks a character gets its code instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _print(*parts: tuple[str, str], err: bool) -> None:
    """Whatever is printed is harmless: no text of a model, a tool or a server reaches the terminal as a command."""
    text = Text.assemble(*((visible(part), style) for part, style in parts))
    # Made anew for each line: cheap, and the streams may have been exchanged meanwhile.
    Console(stderr=err, highlight=False, markup=False, emoji=False).print(text, soft_wrap=True)
