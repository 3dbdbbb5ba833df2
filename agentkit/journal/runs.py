"""Runs in the journal: their goal, state, spending, and the model's replies."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from agentkit.errors import BudgetExhausted, NotFound
from agentkit.journal.ledger import Ledger
from agentkit.journal.owner import is_dead
from agentkit.journal.records import ActionRecord, Entry, ReplyRecord, RunRecord, RunStatus
from agentkit.journal.store import Transaction

UNENDED: Final = ("running", "waiting", "stopped")
UNDO_ENDINGS: Final = ("rolled_back", "rolled_back_with_residue", "stuck")


class Runs(Ledger):
    """The part of the journal that knows runs."""

    async def open_run(self, run: RunRecord) -> RunRecord:
        """Write a run down before anything happens in it; a second opening returns the first."""

        def work(tx: Transaction) -> RunRecord:
            if known := tx.get(RunRecord, run.id):
                return known
            tx.add(run)
            self.note(tx, "run_opened", run.id, goal=run.goal, run_kind=run.kind, agent=run.agent, plan=run.plan)
            return run

        return await self.store.write(work)

    async def run(self, run: str) -> RunRecord:
        """The run of that id.

        Raises:
            NotFound: there is none.
        """
        return await self.store.read(lambda tx: require_run(tx, run))

    async def runs(self, **equals: Any) -> list[RunRecord]:
        """Runs with these values, oldest first."""
        return await self.store.read(lambda tx: tx.find(RunRecord, **equals))

    async def entries(self, run: str, action: str | None = None) -> list[Entry]:
        """What was written down, oldest first."""
        return await self.store.read(lambda tx: tx.entries(run, action))

    async def actions(self, run: str) -> list[ActionRecord]:
        """The run's actions in the order of their slots."""
        return await self.store.read(lambda tx: tx.find(ActionRecord, run=run))

    async def set_status(self, run: str, status: RunStatus, reason: str = "", answer: Any = None) -> RunRecord:
        """Say where the run stands now."""

        def work(tx: Transaction) -> RunRecord:
            record = require_run(tx, run)
            if (record.status, record.reason, record.answer) == (status, reason, answer):
                return record
            if record.status not in UNENDED and status not in UNDO_ENDINGS:
                return record  # another worker has brought it to its end meanwhile
            record = replace(record, status=status, reason=reason, answer=answer, updated_at=self.clock(), owner=None)
            tx.save(record)
            self.note(tx, "run_" + status, run, reason=reason, answer=answer)
            return record

        return await self.store.write(work)

    async def set_plan(self, run: str, plan: Mapping[str, Any], *, freezes: str | None = None) -> RunRecord:
        """Write down what an undo is going to do, and later that it was approved, which freezes the run it undoes."""

        def work(tx: Transaction) -> RunRecord:
            if freezes:
                tx.save(replace(require_run(tx, freezes), frozen_by=run, updated_at=self.clock()))
            record = replace(require_run(tx, run), plan=dict(plan), updated_at=self.clock())
            tx.save(record)
            self.note(tx, "planned", run, plan=record.plan)
            return record

        return await self.store.write(work)

    async def drive(self, run: str, owner: str, lease: timedelta, traceparent: str) -> None:
        """Say who brings the run forward now, so that others can tell when they are dead; and where its trace began."""

        def work(tx: Transaction) -> None:
            record, now = require_run(tx, run), self.clock()
            status = record.status if record.status in UNDO_ENDINGS else "running"
            trace = record.traceparent or traceparent
            driven = replace(record, status=status, owner=owner, lease_until=now + lease, traceparent=trace)
            tx.save(replace(driven, updated_at=now))

        await self.store.write(work)

    async def still_driving(self, run: str, owner: str, lease: timedelta) -> bool:
        """Renew what `drive` said. False: somebody else brings the run forward now."""

        def work(tx: Transaction) -> bool:
            record = require_run(tx, run)
            if record.owner == owner:
                tx.save(replace(record, lease_until=self.clock() + lease))
            return record.owner == owner

        return await self.store.write(work)

    async def stop_driving(self, run: str, owner: str) -> None:
        """Leave the run to whoever comes next."""

        def work(tx: Transaction) -> None:
            record = require_run(tx, run)
            if record.owner == owner:
                tx.save(replace(record, owner=None, lease_until=None))

        await self.store.write(work)

    def driven(self, record: RunRecord) -> bool:
        """Whether somebody may be bringing the run forward."""
        if record.owner is None or record.lease_until is None or record.lease_until <= self.clock():
            return False
        return not is_dead(record.owner)

    async def set_budget(self, run: str, budget: Mapping[str, Any]) -> None:
        """Give a run other limits; what is already spent stays spent."""

        def work(tx: Transaction) -> None:
            record = require_run(tx, run)
            if record.budget != dict(budget):
                tx.save(replace(record, budget=dict(budget), updated_at=self.clock()))
                self.note(tx, "budget_set", run, budget=dict(budget))

        await self.store.write(work)

    async def require_budget(self, run: str) -> None:
        """Make sure that the run may use more of what is only known afterwards: model calls, tokens, money, time.

        Raises:
            BudgetExhausted: a limit is reached.
        """
        record = await self.run(run)
        for name, limit in record.budget.items():
            if name != "tool_calls" and number(record.spent.get(name, 0)) >= number(limit):
                raise _exhausted(record, name)

    async def reply(self, run: str, turn: int) -> dict[str, Any] | None:
        """The model's reply of that turn, if it was written down."""
        found = await self.store.read(lambda tx: tx.get(ReplyRecord, run, turn))
        return found.reply if found else None

    async def add_reply(
        self, run: str, turn: int, reply: Mapping[str, Any], spent: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Write a reply down before it is used, with what it cost; the first one written is the one that counts."""

        def work(tx: Transaction) -> dict[str, Any]:
            spend(self, tx, run, spent, within=False)
            if known := tx.get(ReplyRecord, run, turn):
                return known.reply
            tx.add(ReplyRecord(run, turn, dict(reply), self.clock()))
            self.note(tx, "replied", run, turn=turn, reply=dict(reply), spent=dict(spent))
            return dict(reply)

        return await self.store.write(work)


def require_run(tx: Transaction, run: str) -> RunRecord:
    """The run, or an error that says how to find the right name."""
    if record := tx.get(RunRecord, run):
        return record
    raise NotFound(f"no run '{run}' in this journal; `agentkit runs` lists them")


def spend(ledger: Ledger, tx: Transaction, run: str, amounts: Mapping[str, Any], *, within: bool) -> None:
    """Add to what a run has spent.

    Amounts are ints, or decimal strings for money. With `within`, a limit that would be passed refuses the
    transaction; without it the spending is a fact and only written down.

    Raises:
        BudgetExhausted: a limit of the run is reached.
    """
    record = require_run(tx, run)
    spent = {**record.spent}
    for name, amount in amounts.items():
        spent[name] = added(spent.get(name, 0), amount)
        limit = record.budget.get(name)
        if within and limit is not None and number(spent[name]) > number(limit):
            raise _exhausted(record, name)
    tx.save(replace(record, spent=spent))


def added(left: Any, right: Any) -> Any:
    """The sum of two amounts as they stand in the journal."""
    total = number(left) + number(right)
    return int(total) if isinstance(left, int) and isinstance(right, int) else str(total)


def number(value: Any) -> Decimal:
    """An amount as it stands in the journal, exactly."""
    return Decimal(str(value))


def _exhausted(record: RunRecord, name: str) -> BudgetExhausted:
    argument = "wall" if name == "seconds" else name
    return BudgetExhausted(
        f"run {record.id} has used up its {record.budget[name]} {name.replace('_', ' ')}; "
        f"resume it with a larger Budget({argument}=...)"
    )
