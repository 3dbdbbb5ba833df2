"""Taking back: carrying out a plan that a person agreed to, as ordinary actions on the same road."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from agentkit.action import Outcome
from agentkit.call import Proposal, Slot, ToolCall
from agentkit.errors import ConsentRefused, InvalidToolCall
from agentkit.execution.context import RunContext
from agentkit.execution.forward import Standing, standing_on
from agentkit.execution.perform import perform
from agentkit.execution.undo_plan import UndoStep
from agentkit.journal.journal import Journal
from agentkit.journal.person import named
from agentkit.journal.records import ActionRecord, RunRecord


async def approve(undo: str, by: str, agreed: str, journal: Journal) -> None:
    """Write down that a person agreed to exactly this plan.

    Raises:
        ConsentRefused: the agent itself, or the plan is another one.
    """
    record = await journal.run(undo)
    plan = record.plan or {}
    by = named(by)
    if plan["digest"] != agreed:
        raise ConsentRefused(f"the plan of {undo} is not the one that was agreed to; look at it again")
    if not plan["approved"]:
        approved = {"by": by, "proof": "asserted", "digest": agreed, "policy": plan["policy"]}
        freezes = record.undoes if _takes_all_back(record) else None
        await journal.set_plan(undo, {**plan, "approved": approved}, freezes=freezes)


async def carry_out(record: RunRecord, undo: RunContext) -> Standing:
    """Carry an approved plan as far as it can go now. The standing's answer is the report.

    Each step is an ordinary action of the undo's own run. Independent branches go on past a failure.
    """
    plan = record.plan or {}
    if not plan.get("approved"):
        return Standing("waiting", "the plan is not approved yet")
    steps = [UndoStep(**step) for step in plan["steps"]]
    actions = {action.id: action for action in await undo.journal.actions(record.undoes or "")}
    left = {action.id for action in _unplanned(actions, steps, undo)}
    late = sorted(left) if _takes_all_back(record) else []
    outcomes: list[Outcome] = []
    for number, step in enumerate(steps):
        outcome = await _do(number, step, actions, left, plan["approved"], undo)
        if outcome.status != "done":
            left.add(step.action)
        outcomes.append(outcome)
    now = standing_on([outcome for outcome in outcomes if not outcome.final], undo)
    if now.status == "waiting":
        return now
    standing = _ending(steps, outcomes, [actions[action] for action in late])
    if _takes_all_back(record):
        await undo.journal.set_status(record.undoes or "", standing.status, f"by {record.id}")
    return standing


def _takes_all_back(undo: RunRecord) -> bool:
    return (undo.plan or {}).get("target") == undo.undoes


def _unplanned(actions: Mapping[str, ActionRecord], steps: list[UndoStep], undo: RunContext) -> list[ActionRecord]:
    """What stands, or may come to, and was not there yet when the plan was made."""
    planned = {step.action for step in steps}
    return [
        action
        for action in actions.values()
        if action.id not in planned
        and not action.undone_by
        and action.state not in ("refused", "failed")
        and not _only_reads(action, undo)
    ]


def _only_reads(action: ActionRecord, undo: RunContext) -> bool:
    return any(tool.read_only for tool in undo.toolbox if tool.name == action.tool)


def _ending(steps: list[UndoStep], outcomes: list[Outcome], late: list[ActionRecord]) -> Standing:
    """The honest end: never plain done when something stays or is stuck."""
    report: dict[str, list[dict[str, str]]] = {"restored": [], "compensated": [], "residue": [], "stuck": []}
    for step, outcome in zip(steps, outcomes, strict=True):
        line = {"action": step.action, "tool": step.tool, "note": _note(step, outcome)}
        report[_heading(step, outcome)].append(line)
        if step.how == "compensates" and outcome.status == "done" and _cost(step) != 0:
            report["residue"].append(line)
    for action in late:
        note = "came after the plan was made; plan the undo again"
        report["stuck"].append({"action": action.id, "tool": action.tool, "note": note})
    if report["stuck"]:
        return Standing("stuck", f"{len(report['stuck'])} could not be taken back", report)
    if report["residue"]:
        return Standing("rolled_back_with_residue", f"{len(report['residue'])} left something behind", report)
    return Standing("rolled_back", "", report)


async def _do(
    number: int,
    step: UndoStep,
    actions: Mapping[str, ActionRecord],
    left: set[str],
    approved: Mapping[str, Any],
    undo: RunContext,
) -> Outcome:
    if taken_back := actions[step.action].undone_by:
        return Outcome("done", f"taken back by {taken_back}")
    if other := await undo.journal.other_undo(step.action, undo.run):
        return Outcome("failed", f"{other.id} of {other.run} began to take it back and is {other.state}")
    if standing := [a.id for a in actions.values() if step.action in a.depends_on and a.id in left]:
        return Outcome("failed", f"{', '.join(standing)} was built on it and still stands")
    if step.how == "cancels":
        return await _cancel(step, approved, undo)
    if step.call is None:
        return Outcome("failed", step.note)
    call = Proposal.from_data(step.call).at(Slot(undo.run, 1, number), undoes=step.action)
    await _consent(call, step, approved, undo)
    return await perform(call, undo)


async def _cancel(step: UndoStep, approved: Mapping[str, Any], undo: RunContext) -> Outcome:
    withdrawn = await undo.journal.withdraw(step.action, approved["by"], f"taken back by {approved['by']}")
    action = await undo.journal.action(step.action)
    if withdrawn or action.state in ("refused", "failed"):
        return Outcome("done", "cancelled before it happened")
    return Outcome("failed", f"it is {action.state} by now; plan the undo again")


async def _consent(call: ToolCall, step: UndoStep, approved: Mapping[str, Any], undo: RunContext) -> None:
    """The plan's approval, written down for just this counter-action under just that policy; else the road asks."""
    try:
        action = undo.toolbox.validate(call)
    except InvalidToolCall:
        return  # the road refuses it, and says why
    if action.digest != step.digest or undo.policy.digest != approved["policy"]:
        return
    await undo.journal.consent(
        call, action, undo.policy.digest, by=approved["by"], proof=approved["proof"],
        expires=undo.limits.question_expiry,
    )  # fmt: skip


def _heading(step: UndoStep, outcome: Outcome) -> str:
    if step.how == "cannot":
        return "residue"
    if outcome.status != "done":
        return "stuck"
    return "compensated" if step.how == "compensates" else "restored"


def _note(step: UndoStep, outcome: Outcome) -> str:
    if outcome.status != "done":
        return outcome.reason or step.note
    return f"cost {step.cost['cost']} {step.cost['currency']}" if step.cost else step.note


def _cost(step: UndoStep) -> Decimal | None:
    """None when nobody knows it."""
    return Decimal(step.cost["cost"]) if step.cost else None
