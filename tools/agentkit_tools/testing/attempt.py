"""One attempt at an action, made as the road makes it, and what came of it."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from pydantic_core import to_jsonable_python

from agentkit.action import Action
from agentkit.call import Slot, ToolCall
from agentkit.effects import Checkable, Findable
from agentkit.errors import InvalidTool, LeaseLost, ToolFailed, ToolPartial
from agentkit.execution.working import dumped
from agentkit.tool import ToolContext
from agentkit.toolbox import Toolbox
from agentkit_tools.testing.child import note
from agentkit_tools.testing.cuts import CUT

RUN = "r-verify"


@dataclass(frozen=True)
class Order:
    """What to do: call a tool's function, or its probe."""

    tool: str
    arguments: Mapping[str, Any]
    slot: int
    key: str
    started_at: str
    number: int = 1
    what: Literal["call", "probe"] = "call"
    before: Any = None
    """What an earlier attempt gave to the mark."""
    at_the_mark: Literal["go on", "stop", "die"] = "go on"
    seconds: float = 60.0


@dataclass(frozen=True)
class Attempt:
    """What came of it."""

    ended: Literal["returned", "failed", "partial", "error", "died"]
    result: Any = None
    """As JSON."""
    reason: str = ""
    ever: bool = False
    marked: bool = False
    before: Any = None
    seen: bool = True
    """Whether its fault was seen to happen."""
    requests: int = 0
    answers: int = 0
    points: tuple[str, ...] = ()

    def __str__(self) -> str:
        match self.ended:
            case "returned":
                return f"returned {_short(self.result)}"
            case "failed":
                return f"raised ToolFailed: {self.reason}" + (" (ever=True)" if self.ever else "")
            case "partial":
                return f"raised ToolPartial: {self.reason}"
            case "error":
                return f"raised {self.reason}"
            case "died":
                return "died"


@dataclass
class Mark:
    """What the attempt said at its point of no return."""

    order: Order
    tell: Callable[[Any], None]
    reached: bool = False
    before: Any = None

    async def __call__(self, before: Any) -> Any:
        """As the journal does: of all attempts the first one's word is kept."""
        self.reached = True
        if self.order.at_the_mark == "stop":
            raise LeaseLost("another worker has taken the action over")
        if self.order.at_the_mark == "die":
            os._exit(CUT)
        kept = self.order.before if self.order.before is not None else to_jsonable_python(before)
        self.before = kept
        self.tell({"before": kept})
        return kept


async def make(order: Order, toolbox: Toolbox, tell: Callable[[Any], None] = note) -> Attempt:
    """Carry the order out in this process."""
    action = action_of(order, toolbox)
    mark = Mark(order, tell)
    context = ToolContext(
        run=RUN, action=action.id, key=order.key, started_at=datetime.fromisoformat(order.started_at),
        attempt=order.number, mark=mark,
    )  # fmt: skip
    came: Attempt = await _made(_function(order, action), action, context, order.seconds)
    return replace(came, marked=mark.reached, before=mark.before)


def action_of(order: Order, toolbox: Toolbox) -> Action:
    """The validated action. Its id comes from the order's slot."""
    return toolbox.validate(ToolCall(order.tool, order.arguments, Slot(RUN, order.slot, 0)))


def as_data(attempt: Attempt) -> dict[str, Any]:
    """As JSON."""
    return asdict(attempt)


def from_data(data: Mapping[str, Any]) -> Attempt:
    """Read back what `as_data` wrote."""
    given: dict[str, Any] = {**data, "points": tuple(data["points"])}
    return Attempt(**given)


def _function(order: Order, action: Action) -> Callable[..., Awaitable[Any]]:
    if order.what == "call":
        return action.tool.function
    if isinstance(action.tool.repeat, Checkable | Findable):
        return action.tool.repeat.probe
    raise InvalidTool(f"{order.tool} has no probe")


async def _made(
    function: Callable[..., Awaitable[Any]], action: Action, context: ToolContext, seconds: float
) -> Attempt:
    try:
        async with asyncio.timeout(seconds):
            value = await function(context, **action.keywords())
    except ToolFailed as nothing:
        return Attempt("failed", reason=str(nothing), ever=nothing.ever)
    except ToolPartial as part:
        return Attempt("partial", dumped(action, part.result)[0], str(part))
    except Exception as error:  # Whatever it is, it says nothing about the world.
        return Attempt("error", reason=f"{type(error).__name__}: {error}".removesuffix(": "))
    if value is None and function is not action.tool.function:
        return Attempt("returned")
    result, misfit = dumped(action, value)
    return Attempt("returned", result, misfit)


def _short(result: Any) -> str:
    text = repr(result)
    return text if len(text) <= 200 else text[:197] + "..."
