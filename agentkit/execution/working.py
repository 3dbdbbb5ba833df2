"""While a claimed action is being worked on: the tool's context, the heartbeat, and its result as JSON."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

from pydantic_core import to_jsonable_python

from agentkit.action import Action
from agentkit.canonical import canonical
from agentkit.effects import Effect
from agentkit.errors import JournalUnavailable, ToolFailed
from agentkit.execution.context import RunContext
from agentkit.execution.intent import inverse_of
from agentkit.journal.records import ActionRecord
from agentkit.tool import ToolContext


def context_of(action: Action, record: ActionRecord, run: RunContext) -> ToolContext:
    """What the tool is given besides its arguments."""
    return ToolContext(
        run=action.slot.run,
        action=action.id,
        key=record.key or "",
        started_at=record.started_at or run.now(),
        attempt=record.attempts,
        sandbox=run.sandbox,
        mark=partial(_mark, action, record, run),
        cancel=partial(_cancel, action, run),
    )


async def _mark(action: Action, record: ActionRecord, run: RunContext, before: Any) -> Any:
    """The point of no return: from here on the way back must be durable, too."""
    inverse = None
    if before is not None:
        before = to_jsonable_python(before)
        inverse = inverse_of(action, Effect(record.key or "", action.keywords(), None, before))
    return await run.journal.mark(record, run.owner, before, inverse)


async def _cancel(action: Action, run: RunContext, held: str) -> bool:
    if held not in {each.id for each in await run.journal.actions(action.slot.run)}:
        raise ToolFailed(f"this run has no action {held!r}")
    return await run.journal.withdraw(held, run.principal, f"taken back by {action.tool.name} ({action.id})")


@contextlib.asynccontextmanager
async def holding(record: ActionRecord, run: RunContext) -> AsyncGenerator[None]:
    """Keep the lease while the body runs. If we are told to stop, let the action go so that others may look."""
    beat = asyncio.create_task(_beat(record, run))
    try:
        yield
    except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
        await asyncio.shield(run.journal.let_go(record, run.owner))
        raise
    finally:
        beat.cancel()


async def _beat(record: ActionRecord, run: RunContext) -> None:
    """Renew the lease until it turns out to be lost; the tool then learns it at its point of no return."""
    ours = True
    while ours:
        await asyncio.sleep(run.limits.lease.total_seconds() / 3)
        with contextlib.suppress(JournalUnavailable):  # the next beat may get through
            ours = await run.journal.renew(record, run.owner, run.limits.lease)


def dumped(action: Action, value: Any) -> tuple[Any, str]:
    """A tool's result as JSON, and what is wrong with it when it does not fit the declared type."""
    adapter = action.tool.result
    try:
        data = adapter.dump_python(adapter.validate_python(value), mode="json")
        canonical(data)
        return data, ""
    except Exception as error:  # The effect has happened: whatever a type's own code raises, it must be recorded.
        return None, f"the result does not fit the tool's type: {error}"
