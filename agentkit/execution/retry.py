"""Repeating a tool's function, and only where its declaration makes that safe. The only door to tenacity."""

import asyncio
from dataclasses import replace
from typing import Any

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from agentkit.action import Action
from agentkit.effects import Idempotent, Keyed, ReadOnly
from agentkit.errors import LeaseLost, ToolFailed, ToolPartial
from agentkit.execution.context import RunContext
from agentkit.tool import ToolContext

ATTEMPTS = 3


class StillInDoubt(Exception):
    """The last attempt did nothing, but one before it may have had its effect."""


async def attempt(action: Action, context: ToolContext, run: RunContext, *, in_question: bool) -> Any:
    """Call the tool's function; again after a passing fault if, and only if, repeating it is declared safe.

    Args:
        action: what to do.
        context: what the tool is given; later tries see a later attempt.
        run: whose limits hold.
        in_question: whether an attempt before this call may have had its effect.

    Raises:
        ToolFailed: provably nothing happened, at this or any earlier attempt.
        ToolPartial: a part happened.
        LeaseLost: another worker has taken over; nothing was done under the old claim.
        Exception: anything else may have come after the world had already changed.
    """
    pause = run.limits.retry_wait.total_seconds()
    retrying = AsyncRetrying(
        stop=stop_after_attempt(ATTEMPTS if repeatable(action) else 1),
        wait=wait_exponential_jitter(multiplier=pause, jitter=pause),
        retry=retry_if_exception(_passing),
        reraise=True,
    )
    # The loop form: called on a lambda, AsyncRetrying would hand back an unawaited coroutine.
    async for again in retrying:
        number = again.retry_state.attempt_number
        with again:
            this = replace(context, attempt=context.attempt + number - 1)
            return await _once(action, this, in_question or number > 1)
    raise AssertionError("tenacity reraises the last error")


async def _once(action: Action, context: ToolContext, in_question: bool) -> Any:
    try:
        async with asyncio.timeout(action.tool.timeout.total_seconds()):
            return await action.tool.function(context, **action.keywords())
    except ToolFailed as nothing:
        if in_question and not nothing.ever and not action.tool.read_only:
            raise StillInDoubt(str(nothing)) from nothing
        raise


def repeatable(action: Action) -> bool:
    """Whether the same bytes may be sent again at once."""
    return isinstance(action.tool.repeat, ReadOnly | Idempotent | Keyed)


def _passing(error: BaseException) -> bool:
    return isinstance(error, Exception) and not isinstance(error, ToolFailed | ToolPartial | LeaseLost)
