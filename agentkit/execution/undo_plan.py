"""Planning to take something back: what undo can and cannot do, before anything is done."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from agentkit.call import Proposal, Slot
from agentkit.canonical import digest
from agentkit.effects import Compensable, Delayable, ExactInverse, Quote
from agentkit.errors import InvalidToolCall, NotFound
from agentkit.execution.context import RunContext
from agentkit.execution.perform import perform
from agentkit.execution.run import Run
from agentkit.journal.actions import UNSTARTED
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
    digest: str | None = None
    """Of the counter-action and its tool's version: the approval of the plan is for just this."""
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


async def targets(target: str, journal: Journal) -> tuple[RunRecord, list[ActionRecord]]:
    """The run, and the actions to take back: all of it, or one with everything that was built on it.

    The newest come first: what builds on something goes before it.

    Raises:
        NotFound: no such run or action.
    """
    if target.startswith("a-") and not await journal.runs(id=target):
        one = await journal.action(target)
        chosen = _with_dependents(one.id, await journal.actions(one.run))
        run = await journal.run(one.run)
    else:
        run, chosen = await journal.run(target), await journal.actions(target)
    if run.kind == "undo":
        raise NotFound(f"{run.id} is itself an undo; what it took back can be done again in a new run")
    return run, list(reversed(chosen))


def _with_dependents(first: str, actions: list[ActionRecord]) -> list[ActionRecord]:
    chosen = {first}
    for action in actions:  # in the order of their slots: nothing depends on what comes later
        if chosen & set(action.depends_on):
            chosen.add(action.id)
    return [action for action in actions if action.id in chosen]


def new_undo(target: str, run: RunRecord, now: datetime) -> RunRecord:
    """A run that takes another back."""
    return RunRecord(new_id("u"), "undo", f"take back {target}", run.agent, "waiting", now, now, undoes=run.id)


async def make_plan(target: str, record: RunRecord, actions: list[ActionRecord], undo: RunContext) -> list[UndoStep]:
    """Plan taking these actions of a run back, and write the plan down.

    `undo` is the context of the run that will do it, `record`; quotes are asked for in it.
    """
    await undo.journal.open_run(record)
    steps = [step for n, action in enumerate(actions) if (step := await _step(n, action, undo))]
    plan = {
        "target": target,
        "policy": undo.policy.digest,
        "steps": [step.as_data() for step in steps],
        "digest": plan_digest(record.undoes or "", steps),
        "approved": None,
    }
    await undo.journal.set_plan(undo.run, plan)
    return steps


async def _step(number: int, action: ActionRecord, undo: RunContext) -> UndoStep | None:
    """What can be done about one action; None when there is nothing to do."""
    about = (action.id, action.tool, action.arguments)
    if action.undone_by or action.state in ("refused", "failed"):
        return None
    if action.state in UNSTARTED:
        return UndoStep(*about, "cancels", note="it has not happened yet")
    try:
        tool = undo.toolbox.named(action.tool)
    except InvalidToolCall as missing:
        return UndoStep(*about, "cannot", note=str(missing))
    if tool.read_only:
        return None
    if action.state in ("started", "in_doubt"):
        return UndoStep(*about, "unsettled", note=f"it is {action.state.replace('_', ' ')}: settle it first")
    if action.inverse == {}:
        return None
    if action.inverse is None:
        return UndoStep(*about, "cannot", note=_why_not(tool))
    if _too_late(action, tool, undo):
        return UndoStep(*about, "cannot", note="the time in which it could be taken back is over")
    if isinstance(tool.undo, Compensable):
        return _pinned(await _compensation(number, action, tool.undo, undo), undo)
    return _pinned(UndoStep(*about, "restores", call=action.inverse), undo)


def _pinned(step: UndoStep, undo: RunContext) -> UndoStep:
    """The step with the digest of its counter-action; one that does not fit its tool cannot be carried out."""
    if step.call is None:
        return step
    try:
        action = undo.toolbox.validate(Proposal.from_data(step.call).at(Slot(undo.run, 1, 0), step.action))
    except InvalidToolCall as invalid:
        return replace(step, how="cannot", note=str(invalid))
    return replace(step, digest=action.digest)


def _too_late(action: ActionRecord, tool: Tool[..., Any], undo: RunContext) -> bool:
    within = tool.undo.within if isinstance(tool.undo, ExactInverse) else None
    return within is not None and action.ended_at is not None and undo.now() > action.ended_at + within


def _why_not(tool: Tool[..., Any]) -> str:
    if isinstance(tool.undo, Delayable):
        return "its hold is over, and nothing takes it back"
    return "the tool declares no way back"


async def _compensation(number: int, action: ActionRecord, how: Compensable, undo: RunContext) -> UndoStep:
    about = (action.id, action.tool, action.arguments)
    call = dict(action.inverse or {})
    if action.quote is None:
        return UndoStep(*about, "compensates", call=call, note="at any price: its cost is not known")
    asked = Proposal.from_data(action.quote).at(Slot(undo.run, 0, number))
    outcome = await perform(asked, undo)
    if outcome.status != "done":
        note = f"at any price: no quote ({outcome.reason or outcome.status})"
        return UndoStep(*about, "compensates", call=call, note=note)
    quote = Quote(**{name: outcome.result[name] for name in ("cost", "currency", "until", "note")})
    if quote.cost is None:
        return UndoStep(*about, "cannot", note=quote.note or "it cannot be taken back any more")
    if how.limit:
        call["arguments"] = {**call["arguments"], how.limit: str(quote.cost)}
    deadline = f"the quote holds until {quote.until}" if quote.until else ""
    note = "; ".join(filter(None, (quote.note, deadline)))
    return UndoStep(*about, "compensates", call=call, cost=outcome.result, note=note)
