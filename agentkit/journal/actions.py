"""Actions in the journal: proposed, kept back, and ended once."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from agentkit.action import FINAL, Action, Outcome
from agentkit.call import ToolCall
from agentkit.canonical import canonical, digest
from agentkit.decision import Decision
from agentkit.errors import NotFound, SlotTaken
from agentkit.journal.handles import depends_on, labels_of, remember_handles
from agentkit.journal.ledger import Ledger, new_id
from agentkit.journal.records import ActionRecord, QuestionRecord
from agentkit.journal.store import Transaction

UNSTARTED: Final = ("proposed", "waiting", "held")
"""States in which nothing has been done yet."""


class Actions(Ledger):
    """The part of the journal that knows actions."""

    async def known(self, call: ToolCall) -> ActionRecord | None:
        """What the journal has at the call's slot.

        Raises:
            SlotTaken: another call was proposed there. A restored or replanned run that wants something else needs
                a slot of its own.
        """
        record = await self.store.read(lambda tx: tx.get(ActionRecord, call.slot.action_id))
        if record and record.fingerprint != call.fingerprint:
            raise SlotTaken(
                f"run {call.slot.run} already proposed {record.tool} at turn {call.slot.turn}, index "
                f"{call.slot.index}; it cannot become {call.tool} with other arguments: start a new run"
            )
        return record

    async def action(self, action: str) -> ActionRecord:
        """The action of that id.

        Raises:
            NotFound: there is none.
        """
        return await self.store.read(lambda tx: require_action(tx, action))

    async def actions_in(self, *states: str) -> list[ActionRecord]:
        """Actions of all runs in one of these states."""
        return await self.store.read(lambda tx: tx.find(ActionRecord, state=states))

    async def repeats(self, action: Action) -> int:
        """How many earlier actions of the run are just the same, not counting what was refused or failed."""
        same = await self.store.read(lambda tx: tx.find(ActionRecord, run=action.slot.run, digest=action.digest))
        here = (action.slot.turn, action.slot.index)
        return sum((r.turn, r.index) < here and r.state not in ("refused", "failed") for r in same)

    async def refuse_invalid(self, call: ToolCall, outcome: Outcome) -> Outcome:
        """Write down a call that did not become an action."""

        def work(tx: Transaction) -> Outcome:
            record = tx.get(ActionRecord, call.slot.action_id)
            if record is None:
                raw = _plain(call.arguments)
                record = _new_record(call, raw, digest([call.tool, raw]))
                tx.add(record)
                self.note(tx, "proposed", record.run, record.id, call=record.call)
            if record.state in UNSTARTED:
                self._close(tx, record, outcome, None)
            return outcome

        return await self.store.write(work)

    async def hold(self, call: ToolCall, action: Action, decision: Decision, until: datetime) -> datetime | None:
        """Keep the action back; returns until when (the first time said is kept). None: it has moved on meanwhile."""

        def work(tx: Transaction) -> datetime | None:
            record = self.proposed(tx, call, action, decision)
            if not stands_as(record, action):
                return None
            if record.held_until is not None:
                return record.held_until
            tx.save(replace(record, state="held", held_until=until))
            self.note(tx, "held", record.run, record.id, until=until.isoformat())
            return until

        return await self.store.write(work)

    async def end(
        self, call: ToolCall, action: Action, outcome: Outcome, owner: str,
        decision: Decision | None = None, inverse: Mapping[str, Any] | None = None,
    ) -> Outcome:  # fmt: skip
        """Close the action with a final outcome; what was written first stands.

        A worker whose claim was taken over may still report that it is done, since that is news about the world, even
        for an action in doubt; its failures say nothing about the attempt that is now under way, and are not written.
        """

        def work(tx: Transaction) -> Outcome:
            record = self.proposed(tx, call, action, decision)
            if record.state in FINAL and (record.state, outcome.status) != ("in_doubt", "done"):
                return Outcome.from_data(record.outcome or {})
            if record.state in UNSTARTED and not stands_as(record, action):
                return Outcome("claimed", "it was edited just now")
            if record.state == "started" and record.owner != owner and outcome.status != "done":
                return Outcome("claimed", "another worker has taken it over", until=record.lease_until)
            self._close(tx, record, outcome, inverse)
            if outcome.status in ("done", "partial"):
                remember_handles(tx, record, action, outcome)
            return outcome

        return await self.store.write(work)

    async def withdraw(self, action: str, by: str, reason: str) -> bool:
        """End an action that has not started. False: it has started or ended meanwhile.

        Saying the same again is no other withdrawal, so it is True again.
        """

        def work(tx: Transaction) -> bool:
            record = require_action(tx, action)
            withdrawn = Outcome("refused", reason, evidence={"by": by})
            if record.state not in UNSTARTED:
                return record.outcome == withdrawn.as_data()
            self._close(tx, record, withdrawn, None)
            return True

        return await self.store.write(work)

    # Inside a transaction ----------------------------------------------------------------------------------------

    def proposed(self, tx: Transaction, call: ToolCall, action: Action, decision: Decision | None) -> ActionRecord:
        """The action's record, written now if this is the first that the journal hears of it."""
        record = tx.get(ActionRecord, action.id)
        if record is None:
            labels = labels_of(tx, action.slot.run, action.data)
            record = replace(
                _new_record(call, action.data, action.digest),
                labels=labels,
                depends_on=depends_on(labels),
            )
            tx.add(record)
            self.note(tx, "proposed", record.run, record.id, call=record.call, digest=record.digest)
        unstarted = record.state in UNSTARTED
        if unstarted and record.revision == action.revision and record.digest != action.digest:
            record = replace(record, arguments=dict(action.data), digest=action.digest)
            tx.save(record)
            self.note(tx, "tool_changed", record.run, record.id, digest=record.digest, arguments=record.arguments)
        if unstarted and decision and record.decision != decision.as_data():
            record = replace(record, decision=decision.as_data())
            tx.save(record)
            self.note(tx, "decided", record.run, record.id, revision=record.revision, **decision.as_data())
        return record

    def _close(
        self, tx: Transaction, record: ActionRecord, outcome: Outcome, inverse: Mapping[str, Any] | None
    ) -> None:
        tx.save(
            replace(
                record,
                state=outcome.status,
                outcome=outcome.as_data(),
                inverse=record.inverse if inverse is None else dict(inverse),
                ended_at=self.clock(),
                owner=None,
                lease_until=None,
            )
        )
        self.note(tx, outcome.status, record.run, record.id, **outcome.as_data())
        if record.undoes and outcome.status == "done":
            undone = require_action(tx, record.undoes)
            tx.save(replace(undone, undone_by=record.id))
            self.note(tx, "undone", undone.run, undone.id, by_action=record.id)
        self._ask_to_settle(tx, record, outcome)

    def _ask_to_settle(self, tx: Transaction, record: ActionRecord, outcome: Outcome) -> None:
        """Questions about a closed action are closed; doubt opens one that only a person can answer."""
        for question in tx.find(QuestionRecord, action=record.id, status="open"):
            tx.save(replace(question, status="settled" if question.kind == "settle" else "withdrawn"))
        if outcome.status == "in_doubt":
            shown = {
                "tool": record.tool,
                "arguments": record.arguments,
                "request": record.request,
                "key": record.key,
                "reason": outcome.reason,
                "evidence": dict(outcome.evidence),
            }
            tx.add(
                QuestionRecord(
                    new_id("q"), record.run, record.id, "settle", record.digest, "", 1, shown, self.clock(), None
                )
            )


def stands_as(record: ActionRecord, action: Action) -> bool:
    """Whether the action has neither been started nor ended, and nobody has edited it meanwhile."""
    return record.state in UNSTARTED and record.digest == action.digest


def require_action(tx: Transaction, action: str) -> ActionRecord:
    """The action, or an error that says how to find the right name."""
    if record := tx.get(ActionRecord, action):
        return record
    raise NotFound(f"no action '{action}' in this journal; `agentkit show RUN` lists a run's actions")


def _new_record(call: ToolCall, data: Mapping[str, Any], action_digest: str) -> ActionRecord:
    return ActionRecord(
        id=call.slot.action_id,
        run=call.slot.run,
        turn=call.slot.turn,
        index=call.slot.index,
        fingerprint=call.fingerprint,
        call={"tool": call.tool, "arguments": _plain(call.arguments)},
        tool=call.tool,
        digest=action_digest,
        arguments=dict(data),
        state="proposed",
        undoes=call.undoes,
    )


def _plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as they came if they are JSON, else their spelling: what is refused is written down too."""
    try:
        canonical(dict(arguments))
        return dict(arguments)
    except (TypeError, ValueError):
        return {"not_json": repr(dict(arguments))}
