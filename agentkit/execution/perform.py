"""The one road from a proposed call to a recorded effect. There is no second way to cause one."""

from dataclasses import replace
from typing import Any

from agentkit.action import FINAL, Action, Outcome
from agentkit.call import ToolCall
from agentkit.decision import Decision
from agentkit.errors import InvalidToolCall
from agentkit.execution.barrier import barrier_to, decide, moved_on
from agentkit.execution.context import RunContext
from agentkit.execution.events import Went
from agentkit.execution.execute import execute
from agentkit.execution.intent import intent_of, inverse_after
from agentkit.execution.recover import recover
from agentkit.journal.records import ActionRecord


async def perform(call: ToolCall, run: RunContext) -> Outcome:
    """Carry one proposed call as far as it can go now. Safe to call again, by anyone, after a crash at any line.

    Raises:
        SlotTaken: another call was proposed at this slot.
        BudgetExhausted: the run may not make another call; nothing was written.
        JournalUnavailable: the journal did not take a transaction; nothing of it was kept.
    """
    known = await run.journal.known(call)
    if known and known.state in FINAL:
        return Outcome.from_data(known.outcome or {})  # replay, never a second effect
    try:
        action = _validated(call, known, run)
    except InvalidToolCall as invalid:
        return await _refuse(call, known, invalid, run)
    decision: Decision | None = None
    if known and known.state == "started":
        outcome = await recover(action, known, run)  # somebody began: look before acting
    else:
        decision = await decide(action, known, run)
        if barrier := await barrier_to(call, action, decision, known, run):
            outcome = barrier  # the policy refused it, or a person or the clock must come first
        else:
            outcome = await _begin(call, action, decision, run)
    return await _record(call, action, outcome, decision, run)


def _validated(call: ToolCall, known: ActionRecord | None, run: RunContext) -> Action:
    """The action as it was first validated, or as last revised by a person: defaults are filled in only once."""
    if known is None:
        return run.toolbox.validate(call)
    return replace(run.toolbox.validate(replace(call, arguments=known.arguments)), revision=known.revision)


async def _refuse(call: ToolCall, known: ActionRecord | None, invalid: InvalidToolCall, run: RunContext) -> Outcome:
    if known and known.state == "started":
        raise invalid  # it may have happened: only a worker that has the tool can tell
    outcome = await run.journal.refuse_invalid(call, Outcome("refused", str(invalid)))
    run.emit(Went(run.run, call.slot.action_id, call.tool, call.arguments, outcome))
    return outcome


async def _begin(call: ToolCall, action: Action, decision: Decision, run: RunContext) -> Outcome:
    try:
        intent = intent_of(action, run)
    except Exception as error:  # The inverse is the tool's own code. Nothing has happened, and nothing shall.
        return Outcome("refused", f"how to take it back cannot be written down: {type(error).__name__}: {error}")
    if claimed := await run.journal.claim(call, action, decision, intent, run.owner):
        return await execute(action, claimed, run)
    return moved_on()


async def _record(
    call: ToolCall, action: Action, outcome: Outcome[Any], decision: Decision | None, run: RunContext
) -> Outcome:
    """Only a final outcome closes the action."""
    if outcome.final:
        inverse = await inverse_after(action, outcome, run)
        outcome = await run.journal.end(call, action, outcome, run.owner, decision, inverse)
    run.emit(Went(run.run, action.id, action.tool.name, action.data, outcome))
    return outcome
