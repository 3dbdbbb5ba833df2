"""The rows of the journal: append-only entries, and the present state of each thing they speak of."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeAlias

Json: TypeAlias = dict[str, Any]

RunKind = Literal["goal", "act", "undo"]
RunStatus = Literal[
    "running", "waiting", "stopped", "failed", "finished",
    "rolled_back", "rolled_back_with_residue", "stuck",
]  # fmt: skip
QuestionKind = Literal["approve", "settle"]
QuestionStatus = Literal["open", "approved", "rejected", "edited", "expired", "settled", "withdrawn"]


@dataclass(frozen=True)
class Record:
    """The present state of one thing, under a primary key."""

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    ORDER: ClassVar[tuple[str, ...]] = ("id",)


@dataclass(frozen=True)
class Entry:
    """One line of the append-only journal. Never changed, never removed."""

    run: str
    action: str | None
    kind: str
    """proposed, decided, asked, answered, held, started, marked, taken_over, done, failed, ..."""
    at: datetime
    body: Json


@dataclass(frozen=True)
class RunRecord(Record):
    """One goal being pursued, one script, or one undo."""

    ORDER: ClassVar[tuple[str, ...]] = ("created_at", "id")

    id: str
    kind: RunKind
    goal: str
    agent: str
    """The agent's principal, which can never answer its own questions."""
    status: RunStatus
    created_at: datetime
    updated_at: datetime
    reason: str = ""
    answer: Any = None
    budget: Json = field(default_factory=dict[str, Any])
    spent: Json = field(default_factory=dict[str, Any])
    undoes: str | None = None
    """For an undo: the run it takes back."""
    plan: Json | None = None
    """For an undo: its steps, as approved."""
    traceparent: str | None = None
    owner: str | None = None
    """Who last began to bring it forward."""
    lease_until: datetime | None = None
    """Until when whoever brings it forward has said to be alive."""
    frozen_by: str | None = None
    """The undo that takes all of it back: nothing more may happen in it."""


@dataclass(frozen=True)
class ActionRecord(Record):
    """The present state of one action."""

    ORDER: ClassVar[tuple[str, ...]] = ("run", "turn", "index")

    id: str
    run: str
    turn: int
    index: int
    fingerprint: str
    """Of the call as proposed: another call at this slot is refused."""
    call: Json
    """The call as proposed."""
    tool: str
    digest: str
    """Of the newest revision: what consent is bound to."""
    arguments: Json
    """The validated arguments of the newest revision."""
    state: str
    """proposed, waiting, held, started, or one of the final outcomes."""
    revision: int = 0
    decision: Json | None = None
    labels: Json = field(default_factory=dict[str, Any])
    """The source of each argument whose source is known, by dotted path."""
    depends_on: list[str] = field(default_factory=list[str])
    """Actions whose handles flowed into the arguments."""
    held_until: datetime | None = None
    key: str | None = None
    """The idempotency key, made at the first claim and never again."""
    request: str | None = None
    """The canonical arguments, as they were claimed: what is sent again."""
    repeat: Json | None = None
    """What the tool declared about repetition when the attempt began."""
    before: Any = None
    """What was there before the effect, as the tool saw it at its first attempt."""
    inverse: Json | None = None
    """How to take it back, as data: tool and arguments. Empty: it left nothing to take back."""
    quote: Json | None = None
    """How to price taking it back, as data."""
    epoch: int = 0
    owner: str | None = None
    lease_until: datetime | None = None
    again_at: datetime | None = None
    """Nobody works on it, and before then nobody should."""
    may_land_until: datetime | None = None
    marked: bool = False
    """The point of no return was reached in the present attempt."""
    attempts: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: Json | None = None
    undoes: str | None = None
    undone_by: str | None = None


@dataclass(frozen=True)
class QuestionRecord(Record):
    """Something only a person can say."""

    ORDER: ClassVar[tuple[str, ...]] = ("asked_at", "id")

    id: str
    run: str
    action: str
    kind: QuestionKind
    digest: str
    """Of the revision that the question shows."""
    policy: str
    """Digest of the policy that asked."""
    needed: int
    """How many different people have to approve."""
    shown: Json
    """What the person is shown: rendered by us from the validated arguments."""
    asked_at: datetime
    expires_at: datetime | None
    status: QuestionStatus = "open"


@dataclass(frozen=True)
class ConsentRecord(Record):
    """One person's answer, bound to a digest and a policy; an approval is spent by the claim."""

    ORDER: ClassVar[tuple[str, ...]] = ("at", "id")

    id: str
    question: str
    run: str
    action: str
    digest: str
    policy: str
    verdict: Literal["approve", "reject"]
    by: str
    proof: str
    """How `by` was proven; `asserted` outside the console."""
    reason: str
    at: datetime
    expires_at: datetime | None
    spent_at: datetime | None = None


@dataclass(frozen=True)
class ReplyRecord(Record):
    """One model reply, written down before it is used."""

    KEY: ClassVar[tuple[str, ...]] = ("run", "turn")
    ORDER: ClassVar[tuple[str, ...]] = ("run", "turn")

    run: str
    turn: int
    reply: Json
    at: datetime


@dataclass(frozen=True)
class HandleRecord(Record):
    """An identifier that some action's result brought into the run."""

    KEY: ClassVar[tuple[str, ...]] = ("run", "value")
    ORDER: ClassVar[tuple[str, ...]] = ("run", "value")

    run: str
    value: str
    """Digest of the value."""
    action: str
    path: str
