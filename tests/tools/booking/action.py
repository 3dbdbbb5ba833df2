"""An action and its attempts, and a tool called by it as the road calls it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from pydantic_core import to_json

from agentkit.call import Proposal
from agentkit.effects import Compensable, Effect, ExactInverse
from agentkit.tool import Tool, ToolContext

NUMBERS = count(1)


def first(ago: timedelta = timedelta(0)) -> ToolContext:
    """The first attempt of an action that has never been."""
    number = next(NUMBERS)
    return ToolContext("r", f"a-{number:016x}", f"{number:064x}"[::-1], datetime.now(UTC) - ago)


def again(ctx: ToolContext) -> ToolContext:
    """The next attempt of the same action."""
    return replace(ctx, attempt=ctx.attempt + 1)


async def do(tool: Tool[..., Any], ctx: ToolContext | None = None, /, **arguments: Any) -> Any:
    """One attempt, of a new action if none is given."""
    fitting = tool.arguments.model_validate_json(to_json(arguments))
    given = {name: getattr(fitting, name) for name in type(fitting).model_fields}
    return await tool.function(ctx or first(), **given)


def undo_of(tool: Tool[..., Any], ctx: ToolContext, arguments: dict[str, Any]) -> Proposal[Any]:
    """What takes the action back, made without its result: the answer was lost."""
    effect = Effect(ctx.key, arguments, None)
    if isinstance(tool.undo, ExactInverse):
        proposal = tool.undo.inverse(effect)
    else:
        assert isinstance(tool.undo, Compensable)
        proposal = tool.undo.compensate(effect)
    assert proposal is not None
    return proposal
