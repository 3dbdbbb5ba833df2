"""Repeating a tool's function, and only where its declaration makes that safe. The only door to tenacity."""

import asyncio
from typing import Any

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from agentkit.action import Action
from agentkit.effects import Idempotent, Keyed, ReadOnly
from agentkit.errors import LeaseLost, ToolFailed, ToolPartial
from agentkit.execution.context import RunContext
from agentkit.tool import ToolContext

ATTEMPTS = 3


async def attempt(action: Action, context: ToolContext, run: RunContext) -> Any:
    """Call the tool's function; again after a passing fault if, and only if, repeating it is declared safe.

    Raises:
        ToolFailed: provably nothing happened.
        ToolPartial: a part happened.
        LeaseLost: another worker has taken over; nothing was done under the old claim.
        Exception: anything else may have come after the world had already changed.
    """
    retrying = AsyncRetrying(
        stop=stop_after_attempt(ATTEMPTS if repeatable(action) else 1),
        wait=wait_exponential_jitter(multiplier=run.limits.retry_wait.total_seconds()),
        retry=retry_if_exception(_passing),
        reraise=True,
    )
    # The loop form: called on a lambda, AsyncRetrying would hand back an unawaited coroutine.
    async for again in retrying:
        with again:
            async with asyncio.timeout(action.tool.timeout.total_seconds()):
                return await action.tool.function(context, **action.keywords())
    raise AssertionError("tenacity reraises the last error")


def repeatable(action: Action) -> bool:
    """Whether the same bytes may be sent again at once."""
    return isinstance(action.tool.repeat, ReadOnly | Idempotent | Keyed)


def _passing(error: BaseException) -> bool:
    return isinstance(error, Exception) and not isinstance(error, ToolFailed | ToolPartial | LeaseLost)
