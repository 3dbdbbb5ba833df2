"""Bringing a run forward: with a little patience for what settles by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agentkit.action import FINAL, Outcome
from agentkit.call import Slot, ToolCall
from agentkit.execution.context import RunContext
from agentkit.execution.perform import perform
from agentkit.journal.records import ActionRecord, RunRecord, RunStatus

SOON = timedelta(milliseconds=50)
"""The shortest pause before looking again."""
OFTEN = timedelta(seconds=1)
"""How often to see whether another worker has finished."""


@dataclass(frozen=True)
class Standing:
    """Where a run stands after it was brought forward."""

    status: RunStatus
    reason: str = ""
    answer: Any = None
    again_at: datetime | None = None
    """When looking again may help without any person doing anything."""


async def with_patience(
    forward: Callable[[], Awaitable[Standing]], context: RunContext, patience: timedelta
) -> Standing:
    """Bring the run forward again while it only waits for what settles by itself: late effects, other workers."""
    give_up = context.now() + patience
    standing = await forward()
    while standing.again_at is not None and standing.again_at <= give_up:
        await asyncio.sleep(max(SOON, standing.again_at - context.now()).total_seconds())
        standing = await forward()
    return standing


def standing_on(outcomes: list[Outcome[Any]], context: RunContext) -> Standing:
    """Where a run stands on these outcomes: waiting for the most that any of them waits for."""
    waiting = [outcome for outcome in outcomes if outcome.status == "waiting"]
    passing = [outcome for outcome in outcomes if outcome.status in ("unsettled", "claimed")]
    doubtful = [outcome for outcome in outcomes if outcome.status == "in_doubt"]
    if waiting:
        return Standing("waiting", waiting[0].reason)
    if doubtful:
        return Standing("waiting", f"in doubt: {doubtful[0].reason}")
    if passing:
        soonest = min(_again_at(outcome, context) for outcome in passing)
        return Standing("waiting", passing[0].reason, again_at=max(soonest, context.now() + SOON))
    if held := [outcome for outcome in outcomes if outcome.status == "held"]:
        return Standing("waiting", held[0].reason)
    return Standing("finished")


def _again_at(outcome: Outcome[Any], context: RunContext) -> datetime:
    """Another worker may be done long before its lease ends."""
    until = outcome.until or context.now()
    return min(until, context.now() + OFTEN) if outcome.status == "claimed" else until


async def perform_all(record: RunRecord, context: RunContext) -> Standing:
    """Perform whatever actions of a script have not ended yet, in their order."""
    actions = await context.journal.actions(record.id)
    outcomes = [await perform(call_of(action), context) for action in actions if action.state not in FINAL]
    return standing_on(outcomes, context)


def call_of(action: ActionRecord) -> ToolCall:
    """The call as it was proposed, from the journal."""
    slot = Slot(action.run, action.turn, action.index)
    return ToolCall(action.call["tool"], action.call["arguments"], slot, action.undoes)
