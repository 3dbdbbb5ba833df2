"""A run as a caller sees it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agentkit.action import FINAL, Outcome
from agentkit.approval.question import Question
from agentkit.journal.journal import Journal
from agentkit.journal.records import ActionRecord, RunKind, RunStatus
from agentkit.toolbox import Toolbox

OVER: frozenset[str] = frozenset({"failed", "finished", "rolled_back", "rolled_back_with_residue", "stuck"})
"""A run in one of these states is not taken up again."""


@dataclass(frozen=True)
class Step:
    """One action of a run."""

    id: str
    tool: str
    arguments: Mapping[str, Any]
    state: str
    """proposed, waiting, held, started, done, refused, failed, partial or in_doubt."""
    outcome: Outcome[Any] | None
    held_until: datetime | None
    undone_by: str | None

    @staticmethod
    def of(record: ActionRecord) -> "Step":
        """The public face of a record."""
        outcome = Outcome.from_data(record.outcome) if record.outcome and record.state in FINAL else None
        return Step(
            record.id, record.tool, record.arguments, record.state, outcome, record.held_until, record.undone_by
        )


@dataclass(frozen=True)
class Run:
    """One goal being pursued, one script, or one undo, as of the moment it was read."""

    id: str
    kind: RunKind
    goal: str
    status: RunStatus
    """running, waiting, stopped, failed, finished, rolled_back, rolled_back_with_residue or stuck."""
    reason: str
    answer: Any
    questions: list[Question]
    """What only a person can say, oldest first."""
    steps: list[Step]
    spent: Mapping[str, Any]

    @property
    def waiting(self) -> list[Question]:
        """Actions that wait to be approved, edited or rejected."""
        return [question for question in self.questions if question.kind == "approve"]

    @property
    def held(self) -> list[Step]:
        """Actions that are kept back and can still be cancelled."""
        return [step for step in self.steps if step.state == "held"]

    @property
    def in_doubt(self) -> list[Step]:
        """Actions of which nobody knows whether they happened: find out, and `settle` them."""
        return [step for step in self.steps if step.state == "in_doubt"]


async def read_run(journal: Journal, run: str, toolbox: Toolbox | None = None) -> Run:
    """The run as it stands in the journal.

    Raises:
        NotFound: there is none of that id.
    """
    record = await journal.run(run)
    questions = await journal.open_questions(run)
    steps = [Step.of(action) for action in await journal.actions(run)]
    return Run(
        record.id, record.kind, record.goal, record.status, record.reason, record.answer,
        [Question(question, journal, toolbox) for question in questions], steps, record.spent,
    )  # fmt: skip
