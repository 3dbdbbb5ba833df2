"""The text of a calendar object, edited line by line: what is not edited stays as somebody wrote it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from icalendar.parser import Contentline


@dataclass(frozen=True)
class Source:
    """Content lines in their order, each with its folds (RFC 5545, section 3.1)."""

    lines: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> Self:
        """Take the text apart; its line breaks become those of the standard."""
        lines: list[str] = []
        for line in text.replace("\r\n", "\n").split("\n"):
            if line.startswith((" ", "\t")) and lines:
                lines[-1] += "\r\n" + line
            elif line:
                lines.append(line)
        return cls(tuple(lines))

    @property
    def text(self) -> str:
        """To be stored."""
        return "".join(line + "\r\n" for line in self.lines)

    def event(self, number: int) -> tuple[str, ...]:
        """The lines of the n-th event, from BEGIN to END."""
        where = list(self._events())[number]
        return self.lines[where.start : where.stop]

    def with_event(self, number: int, lines: Sequence[str]) -> Self:
        """Put these lines in the place of the n-th event."""
        where = list(self._events())[number]
        return replace(self, lines=(*self.lines[: where.start], *lines, *self.lines[where.stop :]))

    def _events(self) -> Iterator[range]:
        start = 0
        for number, line in enumerate(self.lines):
            if line.upper() == "BEGIN:VEVENT":
                start = number
            elif line.upper() == "END:VEVENT":
                yield range(start, number + 1)


def with_properties(event: Sequence[str], changes: Mapping[str, Sequence[str]]) -> list[str]:
    """The event with other lines for some of its own properties, none for those that shall go.

    New lines come where the first of the old ones was. What is inside its alarms is not touched.
    """
    kept: list[str] = []
    left = dict(changes)
    depth = 0
    for line in event:
        name = name_of(line)
        depth -= name == "END"
        if (name == "BEGIN" and depth == 1) or (name == "END" and depth == 0):
            kept += [each for name in list(left) for each in left.pop(name)]
        if depth == 1 and name in changes:
            kept += left.pop(name, ())
        else:
            kept.append(line)
        depth += name == "BEGIN"
    return kept


def lines_named(event: Sequence[str], name: str) -> list[str]:
    """The event's own lines with this name, not those of its alarms."""
    found: list[str] = []
    depth = 0
    for line in event:
        depth += (name_of(line) == "BEGIN") - (name_of(line) == "END")
        found += [line] if depth == 1 and name_of(line) == name else []
    return found


def name_of(line: str) -> str:
    """The name of the property that a content line holds."""
    return line.partition(":")[0].partition(";")[0].upper()


def content_line(name: str, value: str) -> str:
    """A line with its folds; the value has its escapes already."""
    return Contentline(f"{name}:{value}").to_ical().decode()
