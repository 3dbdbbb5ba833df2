"""What may stand between an action and its effect: the policy, a person, or the clock."""

from dataclasses import replace
from datetime import timedelta

from agentkit.action import Action, Outcome
from agentkit.approval.shown import shown_for
from agentkit.call import ToolCall
from agentkit.decision import Decision
from agentkit.execution.context import RunContext
from agentkit.journal.records import ActionRecord
from agentkit.policy.facts import Facts


async def decide(action: Action, known: ActionRecord | None, run: RunContext) -> Decision:
    """What the policy says now, with the approvals that people have given to exactly this action."""
    said = await run.journal.answered(action, run.policy.digest)
    facts = Facts(said.approvals, action.undoes is not None, await run.journal.repeats(action), run.principal)
    decision = run.policy.decide(action, facts)
    if said.frozen_by:
        return replace(decision, verdict="deny", rule="undo", reason=f"the run is being taken back by {said.frozen_by}")
    if said.rejected and decision.verdict != "deny":
        reason = f"{said.rejected.by} said no" + (f": {said.rejected.reason}" if said.rejected.reason else "")
        return replace(decision, verdict="deny", rule="person", reason=reason)
    if decision.verdict == "allow" and _overdue(known, run) and said.approvals < 1:
        return replace(decision, verdict="ask", approvals=1, reason=_overdue_reason(known))
    return decision


async def barrier_to(
    call: ToolCall, action: Action, decision: Decision, known: ActionRecord | None, run: RunContext
) -> Outcome | None:
    """The outcome when the action cannot go on now; None when the way is free."""
    if decision.verdict == "deny":
        return Outcome("refused", decision.reason, evidence={"rule": decision.rule})
    if decision.verdict == "ask":
        return await _ask(call, action, decision, run)
    return await _hold(call, action, decision, known, run)


async def _ask(call: ToolCall, action: Action, decision: Decision, run: RunContext) -> Outcome:
    said = await run.journal.answered(action, run.policy.digest)
    if said.open and await run.journal.expire(said.open):
        return Outcome("refused", f"nobody answered {said.open.id} in time", evidence={"question": said.open.id})
    shown = shown_for(action, decision)
    question = await run.journal.ask(call, action, decision, shown, run.limits.question_expiry)
    if question is None:
        return moved_on()
    people = "a person" if decision.approvals == 1 else f"{decision.approvals} people"
    return Outcome(
        "waiting", f"waits for {people}: {decision.reason}", until=question.expires_at,
        evidence={"question": question.id},
    )  # fmt: skip


async def _hold(
    call: ToolCall, action: Action, decision: Decision, known: ActionRecord | None, run: RunContext
) -> Outcome | None:
    """Of the tool's wish and the policy's the longer wins. What takes something back is never kept back."""
    hold = max(action.tool.hold, decision.obligations.hold)
    if hold <= timedelta(0) or action.undoes:
        return None
    until = known.held_until if known else None
    if until is None:
        until = await run.journal.hold(call, action, decision, run.now() + hold)
    if until is None:
        return moved_on()
    if run.now() < until:
        return Outcome("held", f"{action.id} is kept back until {until:%H:%M:%S} UTC and can be cancelled", until=until)
    return None


def moved_on() -> Outcome:
    """The action is not as it was when we looked; looking again shows how."""
    return Outcome("claimed", "another worker has it, or it changed just now")


def _overdue(known: ActionRecord | None, run: RunContext) -> bool:
    return bool(known and known.held_until and run.now() > known.held_until + run.limits.hold_grace)


def _overdue_reason(known: ActionRecord | None) -> str:
    until = known.held_until if known else None
    return f"was to be released at {until:%Y-%m-%d %H:%M} UTC; that is long ago, is it still right?"
