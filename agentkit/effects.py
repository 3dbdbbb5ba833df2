"""The two declarations of a tool: is it safe to repeat, and can it be taken back?

Repeat-safety decides what happens after a crash or a timeout; reversibility decides what undo can do. They are
never merged. A tool that declares neither is `Blind` and `Irreversible`, the strictest of each.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Generic, TypeAlias

from typing_extensions import TypeVar

from agentkit.call import Proposal
from agentkit.errors import InvalidTool

R = TypeVar("R", default=Any, covariant=True)

Probe: TypeAlias = Callable[..., Awaitable[Any | None]]
"""`async (ctx, **the tool's arguments)`: the tool's result if the effect is there, else None.

It raises `ToolPartial` where only a part of the effect is there.
"""


# Repeat-safety: what to do when nobody knows whether it happened ------------------------------------------------


@dataclass(frozen=True)
class ReadOnly:
    """No effect: run again."""


@dataclass(frozen=True)
class Idempotent:
    """Doing it twice with the same arguments equals doing it once: run again with the same bytes."""


@dataclass(frozen=True)
class Keyed:
    """The server deduplicates by `ctx.key`: send the same bytes again with the same key, inside its retention."""

    retention: timedelta
    """How long the server remembers a key, as it documents."""


@dataclass(frozen=True)
class Checkable:
    """The outcome can be asked for by our reference: wait until nothing can land any more, ask, then decide."""

    probe: Probe
    may_land: timedelta
    """How long after an attempt ended its effect may still appear."""
    marked: bool = False
    """The tool calls `ctx.point_of_no_return()` just before its effect, so a death before it is provably harmless."""


@dataclass(frozen=True)
class Findable:
    """Found proves that it happened; not found proves nothing, and a person decides."""

    probe: Probe
    may_land: timedelta = timedelta(minutes=1)
    """How long after an attempt ended its effect may still appear."""
    marked: bool = False
    """The tool calls `ctx.point_of_no_return()` just before its effect, so a death before it is provably harmless."""


@dataclass(frozen=True)
class Blind:
    """No key and no probe: a person decides."""

    marked: bool = False
    """The tool calls `ctx.point_of_no_return()` just before its effect, so a death before it is provably harmless."""


Repeat: TypeAlias = ReadOnly | Idempotent | Keyed | Checkable | Findable | Blind


# Reversibility: what undo can do --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Effect(Generic[R]):
    """What an inverse is made from. `result` is None when the acknowledgement was lost."""

    key: str
    arguments: Mapping[str, Any]
    result: R | None
    before: Any = None
    """What the tool gave to `ctx.point_of_no_return(before=...)`, as JSON; None until then."""


@dataclass(frozen=True)
class Quote:
    """What a compensation would cost now. A quoting tool returns it."""

    cost: Decimal | None
    """None: it cannot be had any more; `note` says why."""
    currency: str
    until: datetime | None = None
    """From when on the quote no longer holds."""
    note: str = ""


@dataclass(frozen=True)
class ExactInverse:
    """Restores what was there, guarded by the version we wrote; somebody else's later edit refuses it."""

    inverse: Callable[[Effect[Any]], Proposal[Any] | None]
    """Called before the effect (without a result), when the tool says what was there before, and after the effect;
    what it returns is stored as data. None before the effect: too little is known yet; after it: it left nothing to
    restore."""
    within: timedelta | None = None
    """For how long after the effect, when that is limited; later an undo plan says that it cannot."""


@dataclass(frozen=True)
class Compensable:
    """A counter-action with a cost and a deadline: a refund, a cancellation. Quoted first."""

    compensate: Callable[[Effect[Any]], Proposal[Any]]
    """Called like the inverse of an `ExactInverse`; what it returns is stored as data."""
    quote: Callable[[Effect[Any]], Proposal[Quote]] | None = None
    """A read that prices the compensation when an undo is planned."""
    limit: str | None = None
    """The argument of the compensation that receives the quoted cost as the most that may be paid."""


@dataclass(frozen=True)
class Delayable:
    """Kept back for a while before it happens; taking it back in that time is exact."""

    hold: timedelta

    def __post_init__(self) -> None:
        if self.hold <= timedelta(0):
            raise InvalidTool("a hold must last a while; what happens at once is Irreversible()")


@dataclass(frozen=True)
class Irreversible:
    """Nothing takes it back."""


Undo: TypeAlias = ExactInverse | Compensable | Delayable | Irreversible
