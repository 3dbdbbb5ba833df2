"""Claims in the journal: who carries an action out, one worker at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from agentkit.action import Action, Outcome
from agentkit.call import ToolCall
from agentkit.canonical import canonical
from agentkit.decision import Decision
from agentkit.errors import LeaseLost, NotFound
from agentkit.journal.actions import require_action, stands_as
from agentkit.journal.owner import is_dead
from agentkit.journal.questions import Questions, usable_consents
from agentkit.journal.records import ActionRecord
from agentkit.journal.runs import require_run, spend
from agentkit.journal.store import Transaction

BEGUN = ("started", "done", "partial", "in_doubt")
"""States in which an action has, or may have, had an effect."""


@dataclass(frozen=True)
class Intent:
    """What is written down about an effect before it happens."""

    key: str
    may_land: timedelta
    """How long from now an effect of this attempt may still appear."""
    lease: timedelta
    repeat: Mapping[str, Any]
    """What the tool declares about repetition."""
    inverse: Mapping[str, Any] | None = None
    quote: Mapping[str, Any] | None = None


class Claims(Questions):
    """The part of the journal that knows who is carrying out what."""

    async def claim(
        self, call: ToolCall, action: Action, decision: Decision, intent: Intent, owner: str
    ) -> ActionRecord | None:
        """The one transaction before the world changes: written down, consent spent, budget charged, owned by us.

        Returns None when the action cannot be had: another worker has it or it ended, it was revised meanwhile, its
        consent is gone, its run is being taken back, or the action it takes back is.

        Raises:
            BudgetExhausted: the run may not make another call; nothing was written.
        """

        def work(tx: Transaction) -> ActionRecord | None:
            record = self.proposed(tx, call, action, decision)
            if not stands_as(record, action):
                return None
            if require_run(tx, record.run).frozen_by or _taken_back_by_another(tx, record):
                return None
            if not self._spend_consent(tx, record, decision):
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
            taken = replace(
                now, owner=owner, epoch=now.epoch + 1, lease_until=at + lease, again_at=None, may_land_until=lands
            )
            tx.save(taken)
            self.note(tx, "taken_over", now.run, now.id, epoch=taken.epoch, before=now.owner)
            return taken

        return await self.store.write(work)

    async def other_undo(self, action: str, run: str) -> ActionRecord | None:
        """The counter-action of another undo that has begun to take the action back."""
        others = await self.store.read(lambda tx: tx.find(ActionRecord, undoes=action, state=BEGUN))
        return next((other for other in others if other.run != run), None)

    def abandoned(self, record: ActionRecord) -> bool:
        """Whether nobody can be working on a started action any more, and it is time to look again."""
        if record.again_at is not None and self.clock() < record.again_at:
            return False
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

    async def mark(
        self, record: ActionRecord, owner: str, before: Any = None, inverse: Mapping[str, Any] | None = None
    ) -> Any:
        """From here on the effect may have happened.

        Args:
            record: the action as it was claimed.
            owner: who works on it.
            before: what is there before the effect; what an earlier attempt gave is kept.
            inverse: how to restore it.

        Returns:
            What was there before the first attempt.

        Raises:
            LeaseLost: another worker has taken the action over.
        """

        def work(tx: Transaction) -> Any:
            now = require_action(tx, record.id)
            if not _holds(now, owner, record.epoch):
                raise LeaseLost(f"{record.tool} ({record.id}) was taken over by another worker; stopping before it")
            if now.before is None and before is not None:
                now = replace(now, before=before, inverse=dict(inverse) if inverse else now.inverse)
            tx.save(replace(now, marked=True))
            self.note(tx, "marked", now.run, now.id, epoch=now.epoch, before=now.before, inverse=now.inverse)
            return now.before

        return await self.store.write(work)

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
                # The owner stays named, so that its death can be proven; the epoch ends what it may do.
                let_go = replace(now, epoch=now.epoch + 1, lease_until=self.clock(), again_at=again_at)
                tx.save(replace(let_go, may_land_until=lands or now.may_land_until))
                self.note(tx, "let_go", now.run, now.id, epoch=now.epoch, reason=reason)

        await self.store.write(work)

    async def settle(self, action: str, outcome: Outcome, by: str, proof: str) -> None:
        """Close an action in doubt, or one that was begun and that nobody works on, with what a person found out."""

        def work(tx: Transaction) -> None:
            record = require_action(tx, action)
            left = record.state == "started" and self.abandoned(record)
            if record.state != "in_doubt" and not left:
                raise NotFound(f"{action} is {record.state}, not in doubt: there is nothing to settle")
            self.note(tx, "settled", record.run, record.id, by=by, proof=proof, status=outcome.status)
            self._close(tx, record, outcome, None)

        await self.store.write(work)

    # Inside a transaction ----------------------------------------------------------------------------------------

    def _start(self, tx: Transaction, record: ActionRecord, intent: Intent, owner: str) -> ActionRecord:
        now = self.clock()
        started = replace(
            record,
            state="started",
            key=record.key or intent.key,
            request=record.request or canonical(dict(record.arguments)).decode(),
            repeat=dict(intent.repeat),
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


def _holds(record: ActionRecord, owner: str, epoch: int) -> bool:
    return record.state == "started" and record.owner == owner and record.epoch == epoch


def _taken_back_by_another(tx: Transaction, record: ActionRecord) -> bool:
    """At most one live undo for an action."""
    if record.undoes is None:
        return False
    others = tx.find(ActionRecord, undoes=record.undoes, state=BEGUN)
    return any(other.id != record.id for other in others)
