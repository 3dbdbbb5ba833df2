"""What the kit found: the checks it made, and the lies with their counterexamples."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

LONGEST = 12
"""So many differences of two worlds are shown."""


@dataclass(frozen=True)
class Counterexample:
    """What a person needs to see it happen again."""

    tool: str
    arguments: Mapping[str, Any]
    fault: str
    """What went wrong on the way, in words; empty when nothing did."""
    steps: Sequence[str]
    """What was done and what came of it, in order."""
    difference: Sequence[str] = ()
    """What the world shows that it should not, one line for each place."""

    def in_words(self) -> list[str]:
        """One line for each thing that happened."""
        call = f"{self.tool}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"
        fault = [f"fault: {self.fault}"] if self.fault else []
        return [f"call: {call}", *fault, *self.steps, *(f"world: {line}" for line in self.difference)]


@dataclass(frozen=True)
class Lie:
    """A claim of the tool that does not hold."""

    claim: str
    """Such as `Keyed`, `Checkable`, `ExactInverse`, `marked` or `ToolFailed`."""
    what: str
    counterexample: Counterexample


@dataclass(frozen=True)
class Check:
    """One thing that was tried many times."""

    claim: str
    what: str
    trials: int = 0
    seen: int = 0
    """The trials of which the fault was seen to happen, where there is one; only they count."""
    lies: Sequence[Lie] = ()
    not_made: str = ""
    """Why it could not be checked, or not wholly."""
    seconds: float = 0.0

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.lies:
            return "LIE"
        return "true" if self.seen else "not checked"


@dataclass(frozen=True)
class Report:
    """What `verify` found."""

    tool: str
    repeat: str
    undo: str
    checks: Sequence[Check] = field(default_factory=tuple[Check, ...])
    seconds: float = 0.0

    @property
    def lies(self) -> list[Lie]:
        """Empty for an honest tool."""
        return [lie for check in self.checks for lie in check.lies]

    def as_data(self) -> dict[str, Any]:
        """As JSON."""
        checks = [{**asdict(check), "verdict": check.verdict} for check in self.checks]
        lies = [asdict(lie) for lie in self.lies]
        return {**asdict(self), "honest": not self.lies, "checks": checks, "lies": lies}


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """Where two JSON values differ, in words, one line for each place."""
    if isinstance(before, dict) and isinstance(after, dict):
        return _of_objects(cast("dict[str, Any]", before), cast("dict[str, Any]", after), path)
    if isinstance(before, list) and isinstance(after, list):
        return _of_lists(cast("list[Any]", before), cast("list[Any]", after), path)
    if before == after and isinstance(before, bool) == isinstance(after, bool):
        return []
    return [f"{path or 'it'} was {_short(before)} and is {_short(after)}"]


def shown(before: Any, after: Any) -> list[str]:
    """The first of the differences."""
    lines = differences(before, after)
    more = [f"... and {len(lines) - LONGEST} more"] if len(lines) > LONGEST else []
    return [*lines[:LONGEST], *more]


def _of_objects(before: dict[str, Any], after: dict[str, Any], path: str) -> list[str]:
    lines: list[str] = []
    for name in [*before, *(name for name in after if name not in before)]:
        place = f"{path}.{name}" if path else name
        if name not in after:
            lines.append(f"{place} is gone; it was {_short(before[name])}")
        elif name not in before:
            lines.append(f"{place} is new: {_short(after[name])}")
        else:
            lines += differences(before[name], after[name], place)
    return lines


def _of_lists(before: list[Any], after: list[Any], path: str) -> list[str]:
    if len(before) == len(after):
        return [
            line
            for n, pair in enumerate(zip(before, after, strict=True))
            for line in differences(*pair, f"{path}[{n}]")
        ]
    gone = [f"{path}: {_short(item)} is gone" for item in _without(before, after)]
    new = [f"{path}: {_short(item)} is new" for item in _without(after, before)]
    return gone + new


def _without(these: list[Any], those: list[Any]) -> list[Any]:
    left = list(those)
    return [item for item in these if not (item in left and (left.remove(item) or True))]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 160 else text[:157] + "..."
