"""Actions in the journal: proposed, claimed by exactly one worker, and ended once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from agentkit.action import FINAL, Action, Outcome
from agentkit.call import ToolCall
from agentkit.canonical import canonical, digest
from agentkit.decision import Decision
from agentkit.errors import LeaseLost, NotFound, SlotTaken
from agentkit.journal.ledger import Ledger, new_id
from agentkit.journal.owner import is_dead
from agentkit.journal.records import ActionRecord, ConsentRecord, HandleRecord, QuestionRecord
from agentkit.journal.runs import spend
from agentkit.journal.store import Transaction
from agentkit.label import Label, leaves


@dataclass(frozen=True)
class Intent:
    """What is written down about an effect before it happens."""

    key: str
    may_land: timedelta
    """How long from now an effect of this attempt may still appear."""
    lease: timedelta
    inverse: Mapping[str, Any] | None = None
    quote: Mapping[str, Any] | None = None


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
        """How many other actions of the run propose just the same."""
        same = await self.store.read(
            lambda tx: tx.find(ActionRecord, run=action.slot.run, digest=action.digest)
        )
        return sum(record.id != action.id for record in same)

    async def refuse_invalid(self, call: ToolCall, outcome: Outcome) -> Outcome:
        """Write down a call that did not become an action."""

        def work(tx: Transaction) -> Outcome:
            if tx.get(ActionRecord, call.slot.action_id) is None:
                raw = _plain(call.arguments)
                record = _new_record(call, raw, digest([call.tool, raw]))
                tx.add(replace(record, state="refused", outcome=outcome.as_data(), ended_at=self.clock()))
                self.note(tx, "proposed", record.run, record.id, call=record.call)
                self.note(tx, "refused", record.run, record.id, **outcome.as_data())
            return outcome

        return await self.store.write(work)

    async def claim(
        self, call: ToolCall, action: Action, decision: Decision, intent: Intent, owner: str
    ) -> ActionRecord | None:
        """The one transaction before the world changes: written down, consent spent, budget charged, owned by us.

        Returns None when the action cannot be had: another worker has it or it ended, it was revised meanwhile, its
        consent is gone, or the action it takes back is being taken back already.

        Raises:
            BudgetExhausted: the run may not make another call; nothing was written.
        """

        def work(tx: Transaction) -> ActionRecord | None:
            record = self.proposed(tx, call, action, decision)
            if record.state not in ("proposed", "waiting", "held") or record.digest != action.digest:
                return None
            if not self._spend_consent(tx, record, decision) or _taken_back_by_another(tx, record):
                return None
            spend(self, tx, record.run, {"tool_calls": 1}, within=True)
            return self._start(tx, record, intent, owner)

        return await self.store.write(work)

    async def claim_again(self, record: ActionRecord, intent: Intent, owner: str) -> ActionRecord | None:
        """Begin another attempt of a started action that `owner` has taken over."""

        def work(tx: Transaction) -> ActionRecord | None:
            now = require_action(tx, record.id)
            return self._start(tx, now, intent, owner) if _holds(now, owner, record.epoch) else None

        return await self.store.write(work)

    async def take_over(
        self, record: ActionRecord, owner: str, lease: timedelta, may_land: timedelta
    ) -> ActionRecord | None:
        """Become the owner of a started action whose owner is dead or let its lease end. None: somebody has it.

        An owner that is provably dead sends nothing more: what it sent may land for `may_land` from now at most.
        """

        def work(tx: Transaction) -> ActionRecord | None:
            now = require_action(tx, record.id)
            if now.state != "started" or not self.abandoned(now):
                return None
            at = self.clock()
            lands = now.may_land_until
            if now.owner and is_dead(now.owner) and lands is not None:
                lands = min(lands, at + may_land)
            taken = replace(now, owner=owner, epoch=now.epoch + 1, lease_until=at + lease, may_land_until=lands)
            tx.save(taken)
            self.note(tx, "taken_over", now.run, now.id, epoch=taken.epoch, before=now.owner)
            return taken

        return await self.store.write(work)

    def abandoned(self, record: ActionRecord) -> bool:
        """Whether nobody can be working on a started action any more, and it is time to look again."""
        if record.lease_until is None or record.lease_until <= self.clock():
            return True
        return record.owner is not None and is_dead(record.owner)

    async def renew(self, record: ActionRecord, owner: str, lease: timedelta) -> bool:
        """Still working on it. False: the claim is no longer ours."""

        def work(tx: Transaction) -> bool:
            now = require_action(tx, record.id)
            ours = _holds(now, owner, record.epoch)
            if ours:
                tx.save(replace(now, lease_until=self.clock() + lease))
            return ours

        return await self.store.write(work)

    async def mark(self, record: ActionRecord, owner: str) -> None:
        """From here on the effect may have happened.

        Raises:
            LeaseLost: another worker has taken the action over.
        """

        def work(tx: Transaction) -> None:
            now = require_action(tx, record.id)
            if not _holds(now, owner, record.epoch):
                raise LeaseLost(f"{record.tool} ({record.id}) was taken over by another worker; stopping before it")
            tx.save(replace(now, marked=True))
            self.note(tx, "marked", now.run, now.id, epoch=now.epoch)

        await self.store.write(work)

    async def let_go(
        self,
        record: ActionRecord,
        owner: str,
        *,
        lands: datetime | None = None,
        again_at: datetime | None = None,
        reason: str = "",
    ) -> None:
        """Stop working on a started action without an outcome.

        Args:
            record: the action as it was claimed.
            owner: who lets go.
            lands: until when its effect may still appear, when it is known that the attempt is over.
            again_at: before then nobody should take it up; at once without it.
            reason: why, for the record.
        """

        def work(tx: Transaction) -> None:
            now = require_action(tx, record.id)
            if _holds(now, owner, record.epoch):
                lands_until = lands or now.may_land_until
                tx.save(replace(now, owner=None, lease_until=again_at, may_land_until=lands_until))
                self.note(tx, "let_go", now.run, now.id, epoch=now.epoch, reason=reason)

        await self.store.write(work)

    async def hold(self, call: ToolCall, action: Action, decision: Decision, until: datetime) -> datetime:
        """Keep the action back; returns until when (the first time said is kept)."""

        def work(tx: Transaction) -> datetime:
            record = self.proposed(tx, call, action, decision)
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

        A worker whose claim was taken over may still report that it is done, since that is news about the world; its
        failures say nothing about the attempt that is now under way, and are not written.
        """

        def work(tx: Transaction) -> Outcome:
            record = self.proposed(tx, call, action, decision)
            if record.state in FINAL:
                return Outcome.from_data(record.outcome or {})
            if record.state == "started" and record.owner != owner and outcome.status != "done":
                return Outcome("claimed", "another worker has taken it over", until=record.lease_until)
            self._close(tx, record, outcome, inverse)
            if outcome.status == "done":
                self._remember_handles(tx, record, action, outcome)
            return outcome

        return await self.store.write(work)

    async def settle(self, action: str, outcome: Outcome, by: str, proof: str) -> None:
        """Close an action in doubt with what a person found out."""

        def work(tx: Transaction) -> None:
            record = require_action(tx, action)
            if record.state != "in_doubt":
                raise NotFound(f"{action} is {record.state}, not in doubt: there is nothing to settle")
            self.note(tx, "settled", record.run, record.id, by=by, proof=proof, status=outcome.status)
            self._close(tx, record, outcome, None)

        await self.store.write(work)

    async def withdraw(self, action: str, by: str, reason: str) -> bool:
        """End an action that has not started. False: it has started or ended meanwhile."""

        def work(tx: Transaction) -> bool:
            record = require_action(tx, action)
            if record.state not in ("proposed", "waiting", "held"):
                return False
            self._close(tx, record, Outcome("refused", reason, evidence={"by": by}), None)
            return True

        return await self.store.write(work)

    # Inside a transaction ----------------------------------------------------------------------------------------

    def proposed(
        self, tx: Transaction, call: ToolCall, action: Action, decision: Decision | None
    ) -> ActionRecord:
        """The action's record, written now if this is the first that the journal hears of it."""
        record = tx.get(ActionRecord, action.id)
        if record is None:
            labels = _labels(tx, action)
            record = replace(
                _new_record(call, action.data, action.digest),
                labels={path: label.as_data() for path, label in labels.items()},
                depends_on=sorted({label.action for label in labels.values() if label.action}),
            )
            tx.add(record)
            self.note(tx, "proposed", record.run, record.id, call=record.call, digest=record.digest)
        unstarted = record.state not in (*FINAL, "started")
        if unstarted and record.revision == action.revision and record.digest != action.digest:
            record = replace(record, arguments=dict(action.data), digest=action.digest)
            tx.save(record)
            self.note(tx, "tool_changed", record.run, record.id, digest=record.digest, arguments=record.arguments)
        if unstarted and decision and record.decision != decision.as_data():
            record = replace(record, decision=decision.as_data())
            tx.save(record)
            self.note(tx, "decided", record.run, record.id, revision=record.revision, **decision.as_data())
        return record

    def _start(self, tx: Transaction, record: ActionRecord, intent: Intent, owner: str) -> ActionRecord:
        now = self.clock()
        started = replace(
            record,
            state="started",
            key=record.key or intent.key,
            request=record.request or canonical(dict(record.arguments)).decode(),
            inverse=dict(intent.inverse) if intent.inverse else None,
            quote=dict(intent.quote) if intent.quote else None,
            epoch=record.epoch + 1,
            owner=owner,
            lease_until=now + intent.lease,
            may_land_until=now + intent.may_land,
            marked=False,
            attempts=record.attempts + 1,
            started_at=record.started_at or now,
        )
        tx.save(started)
        self.note(
            tx, "started", record.run, record.id, epoch=started.epoch, key=started.key, request=started.request,
            inverse=started.inverse, may_land_until=(now + intent.may_land).isoformat(), owner=owner,
        )  # fmt: skip
        return started

    def _spend_consent(self, tx: Transaction, record: ActionRecord, decision: Decision) -> bool:
        """Spend the approvals that the permission rests on. False: they are not there."""
        good = usable_consents(tx, record, decision.policy, self.clock())
        if len({consent.by for consent in good}) < decision.approvals:
            return False
        for consent in good[: decision.approvals]:
            tx.save(replace(consent, spent_at=self.clock()))
        return True

    def _close(
        self, tx: Transaction, record: ActionRecord, outcome: Outcome, inverse: Mapping[str, Any] | None
    ) -> None:
        tx.save(
            replace(
                record,
                state=outcome.status,
                outcome=outcome.as_data(),
                inverse=dict(inverse) if inverse else record.inverse,
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

    def _remember_handles(self, tx: Transaction, record: ActionRecord, action: Action, outcome: Outcome) -> None:
        for path, value in leaves(outcome.result):
            pattern = ".".join("*" if part.isdigit() else part for part in path.split("."))
            marker = action.tool.result_markers.get(pattern)
            if marker and marker.name == "handle" and isinstance(value, str):
                handle = HandleRecord(record.run, digest(value), record.id, path)
                if tx.get(HandleRecord, handle.run, handle.value) is None:
                    tx.add(handle)


def require_action(tx: Transaction, action: str) -> ActionRecord:
    """The action, or an error that says how to find the right name."""
    if record := tx.get(ActionRecord, action):
        return record
    raise NotFound(f"no action '{action}' in this journal; `agentkit show RUN` lists a run's actions")


def usable_consents(
    tx: Transaction, record: ActionRecord, policy: str, now: datetime
) -> list[ConsentRecord]:
    """Approvals of just this revision under just this policy, neither expired nor spent, one for each person."""
    consents = tx.find(
        ConsentRecord, action=record.id, digest=record.digest, policy=policy, verdict="approve", spent_at=None
    )
    in_time = [consent for consent in consents if consent.expires_at is None or now < consent.expires_at]
    return list({consent.by: consent for consent in in_time}.values())


def _holds(record: ActionRecord, owner: str, epoch: int) -> bool:
    return record.state == "started" and record.owner == owner and record.epoch == epoch


def _taken_back_by_another(tx: Transaction, record: ActionRecord) -> bool:
    """At most one live undo for an action."""
    if record.undoes is None:
        return False
    others = tx.find(ActionRecord, undoes=record.undoes, state=("started", "done", "in_doubt"))
    return any(other.id != record.id for other in others)


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


def _labels(tx: Transaction, action: Action) -> dict[str, Label]:
    """Arguments that are, whole and exactly, an identifier that an earlier action brought in."""
    found: dict[str, Label] = {}
    for path, value in leaves(dict(action.data)):
        handle = tx.get(HandleRecord, action.slot.run, digest(value)) if isinstance(value, str) and value else None
        if handle:
            found[path] = Label("tool", handle.action, handle.path)
    return found
