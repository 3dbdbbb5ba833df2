"""What a run tells while it goes: typed events, in the order in which they became durable."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from agentkit.action import Outcome


@dataclass(frozen=True)
class RunStarted:
    """A run began or went on."""

    run: str
    goal: str


@dataclass(frozen=True)
class Replied:
    """The model said something."""

    run: str
    turn: int
    text: str
    tools: tuple[str, ...]
    """The tools it proposes to call."""


@dataclass(frozen=True)
class Started:
    """An action is about to happen; its intent is durable."""

    run: str
    action: str
    tool: str
    arguments: Mapping[str, Any]
    attempt: int


@dataclass(frozen=True)
class Went:
    """An action came as far as it could: ended, or waiting, held, unsettled or claimed."""

    run: str
    action: str
    tool: str
    arguments: Mapping[str, Any]
    outcome: Outcome[Any]


@dataclass(frozen=True)
class RunPaused:
    """The run cannot go on now: it waits, or was stopped."""

    run: str
    status: str
    reason: str
    answer: Any = None


@dataclass(frozen=True)
class RunEnded:
    """The run is over."""

    run: str
    status: str
    reason: str
    answer: Any


Event: TypeAlias = RunStarted | Replied | Started | Went | RunPaused | RunEnded
