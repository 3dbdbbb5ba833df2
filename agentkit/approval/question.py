"""A question that waits for a person, and their possible answers."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from agentkit.call import Slot, ToolCall
from agentkit.errors import ConsentRefused
from agentkit.journal.journal import Journal
from agentkit.journal.questions import Revision
from agentkit.journal.records import QuestionKind, QuestionRecord, QuestionStatus
from agentkit.toolbox import Toolbox


class Question:
    """Something only a person can say. Answers count from any process that can open the journal.

    Outside a console, `by` is asserted, not proven; the journal says so.
    """

    def __init__(self, record: QuestionRecord, journal: Journal, toolbox: Toolbox | None = None) -> None:
        self._record = record
        self._journal = journal
        self._toolbox = toolbox

    def __repr__(self) -> str:
        return f"<Question {self.id} {self.status}: {self.kind} {self.tool} {dict(self.arguments)}>"

    @property
    def id(self) -> str:
        """Names the question in every command."""
        return self._record.id

    @property
    def run(self) -> str:
        """The run that waits."""
        return self._record.run

    @property
    def action(self) -> str:
        """The action it is about."""
        return self._record.action

    @property
    def kind(self) -> QuestionKind:
        """`approve`: may this happen? `settle`: did this happen?"""
        return self._record.kind

    @property
    def status(self) -> QuestionStatus:
        """As of when the question was read."""
        return self._record.status

    @property
    def tool(self) -> str:
        """The tool that would run."""
        return self._record.shown["tool"]

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The validated arguments, just as they would be carried out."""
        return self._record.shown["arguments"]

    @property
    def sources(self) -> Mapping[str, Any]:
        """Where each argument came from, by dotted path, as far as it is known."""
        return self._record.shown.get("sources", {})

    @property
    def reason(self) -> str:
        """Why a person is asked."""
        return self._record.shown["reason"]

    @property
    def undo(self) -> str:
        """How it could be taken back."""
        return self._record.shown.get("undo", "")

    @property
    def shown(self) -> Mapping[str, Any]:
        """Everything the question shows, as JSON."""
        return self._record.shown

    @property
    def digest(self) -> str:
        """Of exactly these arguments and this version of the tool; an approval is bound to it."""
        return self._record.digest

    @property
    def needed(self) -> int:
        """How many different people have to approve."""
        return self._record.needed

    @property
    def asked_at(self) -> datetime:
        """UTC."""
        return self._record.asked_at

    @property
    def expires_at(self) -> datetime | None:
        """UTC; from then on nobody can approve any more."""
        return self._record.expires_at

    async def approve(self, *, by: str, reason: str = "") -> None:
        """Let it happen, just as shown.

        Raises:
            ConsentRefused: late, second, by the agent itself, or the arguments changed meanwhile.
        """
        self._record = await self._journal.answer(
            self.id, "approve", by=by, proof="asserted", reason=reason, digest=self.digest
        )

    async def reject(self, reason: str, *, by: str) -> None:
        """Do not let it happen; the agent is told the reason.

        Raises:
            ConsentRefused: late, second, or by the agent itself.
        """
        self._record = await self._journal.answer(
            self.id, "reject", by=by, proof="asserted", reason=reason, digest=self.digest
        )

    async def edit(
        self, changes: Mapping[str, Any] | None = None, /, *, by: str, reason: str = "", **more: Any
    ) -> None:
        """Let it happen with other arguments: validated anew, decided anew by the policy, approved by you as edited.

        Name them, `edit(by="ann", subject="Hello")`, or give a mapping where a name is taken (`{"reason": ...}`).

        Raises:
            InvalidToolCall: the edited arguments do not fit the tool.
            ConsentRefused: late, second, or by the agent itself.
        """
        if self._toolbox is None:
            raise ConsentRefused("editing needs the agent's tools: edit in the program, or reject with a reason")
        call = ToolCall(self.tool, {**self.arguments, **(changes or {}), **more}, Slot(self.run, 0, 0))
        edited = self._toolbox.validate(call)
        self._record = await self._journal.answer(
            self.id, "approve", by=by, proof="asserted", reason=reason, digest=self.digest,
            revision=Revision(edited.data, edited.digest),
        )  # fmt: skip
        self._record = replace(self._record, shown={**self._record.shown, "arguments": dict(edited.data)})
