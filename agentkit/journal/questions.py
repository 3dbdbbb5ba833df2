"""Questions in the journal: what waits for a person, and what people answered."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from agentkit.action import Action
from agentkit.call import ToolCall
from agentkit.decision import Decision
from agentkit.errors import ConsentRefused, NotFound
from agentkit.journal.actions import Actions, require_action, stands_as
from agentkit.journal.handles import depends_on, labels_of
from agentkit.journal.ledger import new_id
from agentkit.journal.person import named, same
from agentkit.journal.records import ActionRecord, ConsentRecord, QuestionRecord
from agentkit.journal.runs import require_run
from agentkit.journal.store import Transaction


@dataclass(frozen=True)
class Answered:
    """What people have said so far about one revision of an action under one policy."""

    approvals: int = 0
    rejected: ConsentRecord | None = None
    open: QuestionRecord | None = None
    frozen_by: str | None = None
    """The undo that takes the whole run back, if one was agreed to."""


@dataclass(frozen=True)
class Revision:
    """Arguments as a person edited them, validated."""

    arguments: Mapping[str, Any]
    digest: str


class Questions(Actions):
    """The part of the journal that knows questions and answers."""

    async def answered(self, action: Action, policy: str) -> Answered:
        """What people said about exactly this revision, under exactly this policy."""

        def work(tx: Transaction) -> Answered:
            frozen_by = require_run(tx, action.slot.run).frozen_by
            record = tx.get(ActionRecord, action.id)
            if record is None:
                return Answered(frozen_by=frozen_by)
            good = usable_consents(tx, replace(record, digest=action.digest), policy, self.clock())
            rejections = tx.find(ConsentRecord, action=action.id, digest=action.digest, verdict="reject")
            questions = tx.find(QuestionRecord, action=action.id, digest=action.digest, policy=policy, status="open")
            return Answered(len(good), next(iter(rejections), None), next(iter(questions), None), frozen_by)

        return await self.store.read(work)

    async def ask(
        self,
        call: ToolCall,
        action: Action,
        decision: Decision,
        shown: Mapping[str, Any],
        expires: timedelta,
    ) -> QuestionRecord | None:
        """Ask people about an action; the question that is already open stays the one.

        Returns None when the action has moved on meanwhile: it was started, ended, edited or answered.
        """

        def work(tx: Transaction) -> QuestionRecord | None:
            record = self.proposed(tx, call, action, decision)
            if not stands_as(record, action) or _answered_by_now(tx, record, decision, self.clock()):
                return None
            for old in tx.find(QuestionRecord, action=record.id, status="open"):
                if (old.digest, old.policy, old.needed) == (action.digest, decision.policy, decision.approvals):
                    return old
                tx.save(replace(old, status="withdrawn"))
            now = self.clock()
            question = QuestionRecord(
                new_id("q"), record.run, record.id, "approve", action.digest, decision.policy, decision.approvals,
                {**shown, "sources": record.labels}, now, now + expires,
            )  # fmt: skip
            tx.add(question)
            tx.save(replace(record, state="waiting"))
            self.note(tx, "asked", record.run, record.id, question=question.id, shown=question.shown)
            return question

        return await self.store.write(work)

    async def expire(self, question: QuestionRecord) -> bool:
        """Nobody answered in time. False: somebody did, or there is time left."""

        def work(tx: Transaction) -> bool:
            now = tx.get(QuestionRecord, question.id)
            if now is None or now.status != "open" or not _late(now, self.clock()):
                return False
            tx.save(replace(now, status="expired"))
            self.note(tx, "expired", now.run, now.action, question=now.id)
            return True

        return await self.store.write(work)

    async def open_questions(self, run: str | None = None) -> list[QuestionRecord]:
        """What waits for people, oldest first."""
        wanted = {"status": "open"} if run is None else {"status": "open", "run": run}
        return await self.store.read(lambda tx: tx.find(QuestionRecord, **wanted))

    async def question(self, question: str) -> QuestionRecord:
        """The question of that id, or of that action when it has just one open.

        Raises:
            NotFound: there is none.
        """
        return await self.store.read(lambda tx: _require_question(tx, question))

    async def answer(
        self,
        question: str,
        verdict: Literal["approve", "reject"],
        *,
        by: str,
        proof: str,
        reason: str = "",
        digest: str | None = None,
        revision: Revision | None = None,
    ) -> QuestionRecord:
        """Write one person's answer down. It counts only for what the question showed.

        Args:
            question: the question's id.
            verdict: anything but a well-formed approval is a no.
            by: who says so.
            proof: how `by` was proven.
            reason: for the record, and for the model when it is a no.
            digest: of what the person believes to approve.
            revision: arguments as they edited them; the approval then counts for those.

        Raises:
            ConsentRefused: late, second, by the agent itself, by the same person twice, or about other arguments.
            NotFound: no such question.
        """
        said: Literal["approve", "reject"] = "approve" if verdict == "approve" else "reject"
        edited = revision if said == "approve" else None
        person = named(by)

        def work(tx: Transaction) -> QuestionRecord:
            asked = _require_this_question(tx, question)
            record = require_action(tx, asked.action)
            _check(tx, asked, record, person, digest, self.clock())
            self.note(
                tx, "answered", record.run, record.id, question=asked.id, verdict=said, by=person, proof=proof,
                reason=reason, edited=dict(edited.arguments) if edited else None,
            )  # fmt: skip
            if edited:
                record = _revised(tx, record, edited)
            consent = ConsentRecord(
                new_id("c"), asked.id, record.run, record.id, record.digest, asked.policy, said, person, proof,
                reason, self.clock(), asked.expires_at,
            )  # fmt: skip
            tx.add(consent)
            return self._after_answer(tx, asked, record, consent, edited=edited is not None)

        return await self.store.write(work)

    async def consent(
        self, call: ToolCall, action: Action, policy: str, *, by: str, proof: str, expires: timedelta
    ) -> None:
        """Write down an approval that was given for a whole plan, for one action of it."""

        def work(tx: Transaction) -> None:
            record = self.proposed(tx, call, action, None)
            now = self.clock()
            good = usable_consents(tx, record, policy, now)
            if any(consent.by == by for consent in good) or record.state not in ("proposed", "waiting"):
                return
            given = ConsentRecord(
                new_id("c"), record.run, record.run, record.id, action.digest, policy, "approve", by, proof,
                "with the plan", now, now + expires,
            )  # fmt: skip
            tx.add(given)
            self.note(tx, "answered", record.run, record.id, verdict="approve", by=by, proof=proof, plan=record.run)

        await self.store.write(work)

    def _after_answer(
        self, tx: Transaction, asked: QuestionRecord, record: ActionRecord, consent: ConsentRecord, *, edited: bool
    ) -> QuestionRecord:
        if consent.verdict == "reject":
            closed = replace(asked, status="rejected")
        elif edited:
            closed = replace(asked, status="edited")
        elif len(usable_consents(tx, record, asked.policy, self.clock())) >= asked.needed:
            closed = replace(asked, status="approved")
        else:
            return asked
        tx.save(closed)
        return closed


def _revised(tx: Transaction, record: ActionRecord, revision: Revision) -> ActionRecord:
    """The action with arguments as a person edited them; where they come from is looked up anew."""
    labels = labels_of(tx, record.run, revision.arguments)
    revised = replace(
        record, arguments=dict(revision.arguments), digest=revision.digest, revision=record.revision + 1,
        labels=labels, depends_on=depends_on(labels),
    )  # fmt: skip
    tx.save(revised)
    return revised


def usable_consents(tx: Transaction, record: ActionRecord, policy: str, now: datetime) -> list[ConsentRecord]:
    """Approvals of just this revision under just this policy, neither expired nor spent, one for each person."""
    consents = tx.find(
        ConsentRecord, action=record.id, digest=record.digest, policy=policy, verdict="approve", spent_at=None
    )
    in_time = [consent for consent in consents if consent.expires_at is None or now < consent.expires_at]
    return list({consent.by.casefold(): consent for consent in in_time}.values())


def _answered_by_now(tx: Transaction, record: ActionRecord, decision: Decision, now: datetime) -> bool:
    """Whether somebody answered after the policy was asked and before the question was put."""
    rejected = tx.find(ConsentRecord, action=record.id, digest=record.digest, verdict="reject")
    return bool(rejected) or len(usable_consents(tx, record, decision.policy, now)) >= decision.approvals


def _check(
    tx: Transaction, asked: QuestionRecord, record: ActionRecord, by: str, digest: str | None, now: datetime
) -> None:
    if asked.kind == "settle":
        raise ConsentRefused(f"{asked.id} asks what happened: answer it with `agentkit settle {asked.action}`")
    if asked.status != "open":
        raise ConsentRefused(f"{asked.id} is already decided{_by_whom(tx, asked)}: {asked.status}")
    if _late(asked, now):
        raise ConsentRefused(f"{asked.id} expired at {asked.expires_at:%Y-%m-%d %H:%M} UTC; resume the run to ask anew")
    if digest is not None and digest != asked.digest:
        raise ConsentRefused(f"{asked.id} shows {asked.digest[:12]}, the answer is about {digest[:12]}: look again")
    if asked.digest != record.digest:
        raise ConsentRefused(f"the arguments of {record.id} changed since {asked.id} was asked; look at the new one")
    run = require_run(tx, asked.run)
    if same(by, run.agent):
        raise ConsentRefused(f"{by} is the agent that asks; it cannot answer itself")
    if any(same(c.by, by) for c in tx.find(ConsentRecord, question=asked.id)):
        raise ConsentRefused(f"{by} has answered {asked.id} already; it needs {asked.needed} different people")


def _by_whom(tx: Transaction, asked: QuestionRecord) -> str:
    answers = tx.find(ConsentRecord, question=asked.id)
    return f" by {answers[-1].by} at {answers[-1].at:%Y-%m-%d %H:%M:%S} UTC" if answers else ""


def _late(question: QuestionRecord, now: datetime) -> bool:
    return question.expires_at is not None and question.expires_at <= now


def _require_this_question(tx: Transaction, question: str) -> QuestionRecord:
    """Only by its own id: an action may have been asked about more than once."""
    if found := tx.get(QuestionRecord, question):
        return found
    raise NotFound(f"no question '{question}' in this journal; `agentkit approvals` lists what is open")


def _require_question(tx: Transaction, question: str) -> QuestionRecord:
    """By its own id, or by its action's when just one question about it is open."""
    of_action = tx.find(QuestionRecord, action=question, status="open")
    return of_action[0] if len(of_action) == 1 else _require_this_question(tx, question)
