"""Carrying out a claimed action, and what the ways in which it can end mean."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from agentkit.action import Action, Outcome
from agentkit.errors import LeaseLost, ToolFailed, ToolPartial
from agentkit.execution.context import RunContext
from agentkit.execution.events import Started
from agentkit.execution.intent import lands_after
from agentkit.execution.look import look
from agentkit.execution.retry import attempt
from agentkit.execution.working import context_of, dumped, holding
from agentkit.journal.records import ActionRecord
from agentkit.telemetry import names


async def execute(action: Action, claimed: ActionRecord, run: RunContext, *, in_question: bool = False) -> Outcome:
    """Do it. `failed` needs proof that nothing happened; what is merely unknown is looked into.

    `in_question` says that an earlier attempt may have had its effect.
    """
    run.emit(Started(action.slot.run, action.id, action.tool.name, action.data, claimed.attempts))
    attributes = {names.TOOL_NAME: action.tool.name, names.ACTION: action.id}
    with run.tracing.span(f"{names.EXECUTE_TOOL} {action.tool.name}", attributes=attributes) as span:
        outcome = await _attempt(action, claimed, run, in_question)
        span.set(names.OUTCOME, outcome.status)
        if outcome.status != "done":
            span.failed(outcome.reason)
    return outcome


async def _attempt(action: Action, claimed: ActionRecord, run: RunContext, in_question: bool) -> Outcome:
    try:
        async with holding(claimed, run):
            value = await attempt(action, context_of(action, claimed, run), run, in_question=in_question)
    except ToolFailed as nothing:
        return Outcome("failed", str(nothing))
    except ToolPartial as part:
        return _partial(action, part)
    except LeaseLost as lost:
        return Outcome("claimed", str(lost))
    except Exception as error:  # Any other error may have come after the world had already changed.
        return await _look_after(error, action, claimed, run)
    return _done(action, value)


def _done(action: Action, value: Any) -> Outcome:
    result, misfit = dumped(action, value)
    if misfit and action.tool.read_only:
        return Outcome("failed", misfit)
    return Outcome("done", misfit, result, evidence={"returned": repr(value)[:2000]} if misfit else {})


def _partial(action: Action, part: ToolPartial) -> Outcome:
    result, misfit = dumped(action, part.result)
    return Outcome("partial", f"{part}. {misfit}".strip() if misfit else str(part), result)


async def _look_after(error: Exception, action: Action, claimed: ActionRecord, run: RunContext) -> Outcome:
    """The attempt is over, with an error that proves nothing."""
    problem = f"{type(error).__name__}: {error}".removesuffix(": ")
    if action.tool.read_only:
        return Outcome("failed", problem)
    record = await run.journal.action(claimed.id)
    # After a timeout the tool's own thread may still be at it; any other error ends the attempt.
    lands = record.may_land_until if isinstance(error, TimeoutError) else run.now() + lands_after(action)
    seen = await look(action, replace(record, may_land_until=lands), run)
    match seen.what:
        case "happened":
            return Outcome("done", f"the acknowledgement was lost ({problem}), but it is there", seen.result)
        case "part":
            return Outcome("partial", seen.reason, seen.result)
        case "nothing":
            return Outcome("failed", f"{problem}; {seen.reason}")
        case "open":
            await run.journal.let_go(claimed, run.owner, lands=lands, again_at=seen.until, reason=problem)
            return seen.unsettled()
        case "repeatable":
            again_at = run.now() + _pause(claimed)
            await run.journal.let_go(claimed, run.owner, lands=lands, again_at=again_at, reason=problem)
            return Outcome("unsettled", f"{problem}; will be tried again", until=again_at)
        case "unknown":
            return seen.in_doubt(error=problem)


def _pause(claimed: ActionRecord) -> timedelta:
    """Before the next attempt; longer each time."""
    return timedelta(seconds=2**claimed.attempts)
