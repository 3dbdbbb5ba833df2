"""Taking back: a plan that says what undo can and cannot do, then ordinary actions on the same road."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from agentkit.action import Outcome
from agentkit.call import Proposal, Slot, ToolCall
from agentkit.canonical import digest
from agentkit.effects import Compensable, Delayable, Quote
from agentkit.errors import ConsentRefused, InvalidToolCall, NotFound
from agentkit.execution.context import RunContext
from agentkit.execution.forward import Standing, standing_on
from agentkit.execution.perform import perform
from agentkit.execution.run import Run
from agentkit.journal.journal import Journal
from agentkit.journal.ledger import new_id
from agentkit.journal.records import ActionRecord, RunRecord
from agentkit.tool import Tool

How = Literal["cancels", "restores", "compensates", "cannot", "unsettled"]


@dataclass(frozen=True)
class UndoStep:
    """What undo will do about one action."""

    action: str
    tool: str
    arguments: Mapping[str, Any]
    how: How
    call: Mapping[str, Any] | None = None
    """The counter-action, as data."""
    cost: Mapping[str, Any] | None = None
    """For a compensation: the quote, when there is one."""
    note: str = ""

    def as_data(self) -> dict[str, Any]:
        """As JSON, for the journal and the digest."""
        return dict(vars(self))

    def in_words(self) -> str:
        """One line for a person."""
        cost = f" at {self.cost['cost']} {self.cost['currency']}" if self.cost else ""
        return f"{self.tool} ({self.action}){cost}" + (f": {self.note}" if self.note else "")


@dataclass(frozen=True)
class UndoPlan:
    """Three lists: restores exactly, compensates, cannot be undone. Nothing happens before `carry_out`."""

    id: str
    """Of the run that will do it; resume that one after a crash."""
    run: str
    steps: list[UndoStep]
    _carry_out: Callable[[str, str], Awaitable[Run]] = field(repr=False, compare=False)

    @property
    def restores(self) -> list[UndoStep]:
        """What will be as it was, including what has not happened yet and is cancelled."""
        return [step for step in self.steps if step.how in ("restores", "cancels")]

    @property
    def compensates(self) -> list[UndoStep]:
        """What gets a counter-action that may cost something and leaves traces."""
        return [step for step in self.steps if step.how == "compensates"]

    @property
    def cannot(self) -> list[UndoStep]:
        """What stays."""
        return [step for step in self.steps if step.how == "cannot"]

    @property
    def unsettled(self) -> list[UndoStep]:
        """What nobody knows: settle it first (`agentkit settle`), or it stays."""
        return [step for step in self.steps if step.how == "unsettled"]

    @property
    def digest(self) -> str:
        """Of all steps: what the approval is bound to."""
        return plan_digest(self.run, self.steps)

    async def carry_out(self, *, by: str) -> Run:
        """Approve this plan, just as it stands, and do it. Safe to call again after a crash.

        Returns the undo's own run: `rolled_back`, `rolled_back_with_residue` or `stuck`, its `answer` listing which.
        """
        return await self._carry_out(by, self.digest)


def plan_digest(run: str, steps: Iterable[UndoStep]) -> str:
    """What an approval of a plan is bound to."""
    return digest([run, [step.as_data() for step in steps]])


async def make_plan(target: str, undo: RunContext) -> tuple[RunRecord, list[UndoStep]]:
    """Plan taking back a whole run, or one action with everything that was built on it.

    `undo` is the context of the run that will do it; quotes are asked for in it.

    Raises:
        NotFound: no such run or action.
    """
    run, targets = await _targets(target, undo.journal)
    record = RunRecord(
        undo.run, "undo", f"take back {target}", run.agent, "waiting", undo.now(), undo.now(), undoes=run.id
    )
    await undo.journal.open_run(record)
    steps = [step for n, action in enumerate(targets) if (step := await _step(n, action, undo))]
    plan = {
        "target": target,
        "steps": [step.as_data() for step in steps],
        "digest": plan_digest(run.id, steps),
        "approved": None,
    }
    return await undo.journal.set_plan(undo.run, plan), steps


async def _targets(target: str, journal: Journal) -> tuple[RunRecord, list[ActionRecord]]:
    """The actions to take back, newest first: what builds on something goes before it."""
    if target.startswith("a-") and not await journal.runs(id=target):
        one = await journal.action(target)
        actions = _with_dependents(one.id, await journal.actions(one.run))
        return await journal.run(one.run), list(reversed(actions))
    run = await journal.run(target)
    if run.kind == "undo":
        raise NotFound(f"{target} is itself an undo; what it took back can be done again in a new run")
    return run, list(reversed(await journal.actions(target)))


def _with_dependents(first: str, actions: list[ActionRecord]) -> list[ActionRecord]:
    chosen = {first}
    for action in actions:  # in the order of their slots: nothing depends on what comes later
        if chosen & set(action.depends_on):
            chosen.add(action.id)
    return [action for action in actions if action.id in chosen]


async def _step(number: int, action: ActionRecord, undo: RunContext) -> UndoStep | None:
    """What can be done about one action; None when there is nothing to do."""
    about = (action.id, action.tool, action.arguments)
    if action.undone_by or action.state in ("refused", "failed"):
        return None
    if action.state in ("proposed", "waiting", "held"):
        return UndoStep(*about, "cancels", note="it has not happened yet")
    try:
        tool = undo.toolbox.named(action.tool)
    except InvalidToolCall as missing:
        return UndoStep(*about, "cannot", note=str(missing))
    if tool.read_only:
        return None
    if action.state in ("started", "in_doubt"):
        return UndoStep(*about, "unsettled", note=f"it is {action.state.replace('_', ' ')}: settle it first")
    if action.inverse is None:
        return UndoStep(*about, "cannot", note=_why_not(tool))
    if isinstance(tool.undo, Compensable):
        return await _compensation(number, action, tool.undo, undo)
    return UndoStep(*about, "restores", call=action.inverse)


def _why_not(tool: Tool[..., Any]) -> str:
    if isinstance(tool.undo, Delayable):
        return "its hold is over, and nothing takes it back"
    return "the tool declares no way back"


async def _compensation(number: int, action: ActionRecord, how: Compensable, undo: RunContext) -> UndoStep:
    about = (action.id, action.tool, action.arguments)
    call = dict(action.inverse or {})
    if action.quote is None:
        return UndoStep(*about, "compensates", call=call, note="its cost is not known")
    asked = Proposal.from_data(action.quote).at(Slot(undo.run, 0, number))
    outcome = await perform(asked, undo)
    if outcome.status != "done":
        return UndoStep(*about, "compensates", call=call, note=f"no quote: {outcome.reason or outcome.status}")
    quote = Quote(**{name: outcome.result[name] for name in ("cost", "currency", "until", "note")})
    if how.limit:
        call["arguments"] = {**call["arguments"], how.limit: str(quote.cost)}
    deadline = f"the quote holds until {quote.until}" if quote.until else ""
    return UndoStep(*about, "compensates", call=call, cost=outcome.result, note=quote.note or deadline)


async def approve(undo: str, by: str, agreed: str, journal: Journal) -> None:
    """Write down that a person agreed to exactly this plan.

    Raises:
        ConsentRefused: the agent itself, or the plan is another one.
    """
    record = await journal.run(undo)
    plan = record.plan or {}
    by = by.strip()
    if by in ("", record.agent):
        raise ConsentRefused("a person has to agree to an undo: say who (by=...)")
    if plan["digest"] != agreed:
        raise ConsentRefused(f"the plan of {undo} is not the one that was agreed to; look at it again")
    if not plan["approved"]:
        await journal.set_plan(undo, {**plan, "approved": {"by": by, "proof": "asserted", "digest": agreed}})


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
    late = sorted(left) if frozen_by(record) else []
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
    if frozen_by(record):
        await undo.journal.set_status(record.undoes or "", standing.status, f"by {record.id}")
    return standing


def frozen_by(undo: RunRecord) -> bool:
    """Whether an undo was agreed to that takes back all of its run: nothing more may happen in that run then."""
    plan = undo.plan or {}
    return bool(plan.get("approved")) and plan.get("target") == undo.undoes


def _unplanned(
    actions: Mapping[str, ActionRecord], steps: list[UndoStep], undo: RunContext
) -> list[ActionRecord]:
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
    if standing := [a.id for a in actions.values() if step.action in a.depends_on and a.id in left]:
        return Outcome("failed", f"{', '.join(standing)} was built on it and still stands")
    if step.how == "cancels":
        return await _cancel(step, approved, undo)
    if step.call is None:
        return Outcome("failed", step.note)
    call = Proposal.from_data(step.call).at(Slot(undo.run, 1, number), undoes=step.action)
    await _consent(call, approved, undo)
    return await perform(call, undo)


async def _cancel(step: UndoStep, approved: Mapping[str, Any], undo: RunContext) -> Outcome:
    withdrawn = await undo.journal.withdraw(step.action, approved["by"], f"taken back by {approved['by']}")
    action = await undo.journal.action(step.action)
    if withdrawn or action.state in ("refused", "failed"):
        return Outcome("done", "cancelled before it happened")
    return Outcome("failed", f"it is {action.state} by now; plan the undo again")


async def _consent(call: ToolCall, approved: Mapping[str, Any], undo: RunContext) -> None:
    """The plan's approval, written down for just this counter-action."""
    try:
        action = undo.toolbox.validate(call)
    except InvalidToolCall:
        return  # the road refuses it, and says why
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


def new_undo_id() -> str:
    """The id of a run that takes another back."""
    return new_id("u")
