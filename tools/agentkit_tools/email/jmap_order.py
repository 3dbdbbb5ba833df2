"""The order to send one letter: one request, bound to a state of the server, and what its answer proves."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel, Field

from agentkit.errors import ToolFailed, ToolPartial
from agentkit_tools.email.jmap_answers import Answers, MethodError, Unsettled, reason
from agentkit_tools.email.jmap_records import Desk
from agentkit_tools.email.jmap_session import Call, Server
from agentkit_tools.email.letter import Letter
from agentkit_tools.email.mail import Sent

PUNCTUAL = timedelta(seconds=5)
"""By how much the time of sending may differ from the one asked for."""


class Created(BaseModel):
    """What the server adds to a new submission."""

    id: str
    undo: str = Field(alias="undoStatus")
    send_at: AwareDatetime = Field(alias="sendAt")


@dataclass
class Order:
    """One letter at the server, ready to be submitted."""

    server: Server
    desk: Desk
    letter: Letter
    blob: str
    hold: timedelta
    draft: str = ""
    """The letter among the drafts, once it lies there."""

    async def submit(self, state: str) -> Sent | None:
        """Submit it, if nothing else was submitted since this state. None: something was.

        Raises:
            ToolFailed: nothing was sent, and why; no draft is left.
            ToolPartial: it was sent, but not held back.
            Exception: nobody knows.
        """
        answers = await self._send(state)
        try:
            created = _created(answers)
        except ToolFailed:
            await self.discard()
            raise
        return None if created is None else await self._held(created, answers.at)

    async def discard(self) -> None:
        """Leave no draft behind of what is not sent."""
        if not self.draft:
            return
        try:
            await self.server.change(("Email/set", {"destroy": [self.draft]}))
        except Exception:  # That nothing was sent has to be told whatever becomes of the draft, which harms nobody.
            return

    async def _send(self, state: str) -> Answers:
        """The letter becomes a draft and is submitted in one request: no process can die in between."""
        if not self.draft:
            answers = await self.server.change(self._importing(), self._submitting("#letter", state))
            self.draft, is_new = _imported(answers)
            if is_new:
                return answers
            # It lay there already, and so the submission referred to nothing.
        return await self.server.change(self._submitting(self.draft, state))

    def _importing(self) -> Call:
        keywords = {"$draft": True, "$seen": True}
        letter = {"blobId": self.blob, "mailboxIds": {self.desk.drafts: True}, "keywords": keywords}
        return "Email/import", {"emails": {"letter": letter}}

    def _submitting(self, email: str, state: str) -> Call:
        delay = {"HOLDFOR": str(_seconds(self.hold))} if self.hold else None
        envelope = {
            "mailFrom": {"email": self.letter.sender, "parameters": delay},
            "rcptTo": [{"email": each} for each in self.letter.recipients],
        }
        sending: dict[str, Any] = {"identityId": self.desk.identity, "emailId": email, "envelope": envelope}
        filed: dict[str, Any] = {"mailboxIds": {self.desk.sent: True}, "keywords": {"$seen": True}}
        return "EmailSubmission/set", {
            "ifInState": state,
            "create": {"sending": sending},
            "onSuccessUpdateEmail": {"#sending": filed},
        }

    async def _held(self, created: Created, now: datetime) -> Sent:
        """Believe in the hold only when the server shows it: some promise it, and send at once."""
        sent = Sent(message_id=self.letter.message_id, accepted=list(self.letter.recipients))
        if not self.hold:
            return sent
        asked = now + timedelta(seconds=_seconds(self.hold))
        if created.undo == "pending" and abs(created.send_at - asked) <= min(PUNCTUAL, self.hold / 2):
            return sent.model_copy(update={"held_until": created.send_at})
        if created.undo == "pending" and await self._stopped(created.id):
            await self.discard()
            raise ToolFailed(f"nothing was sent: the mail server would send it at {created.send_at}, not at {asked}")
        raise ToolPartial("the mail server sent it at once, though it promises to hold mails back", sent)

    async def _stopped(self, submission: str) -> bool:
        """Cancel what we have just submitted."""
        cancelling = {"update": {submission: {"undoStatus": "canceled"}}}
        try:
            answers = await self.server.change(("EmailSubmission/set", cancelling))
            said = answers.changes("EmailSubmission/set")
        except (ToolFailed, MethodError) as error:
            raise Unsettled(f"the mail server does not hold the mail as asked, nor cancel it: {error}") from error
        if submission not in {**said.updated, **said.not_updated}:
            raise Unsettled("the mail server does not say whether it has cancelled the mail")
        return submission in said.updated


def _imported(answers: Answers) -> tuple[str, bool]:
    """The id of the mail, and whether it is new."""
    try:
        said = answers.changes("Email/import")
    except MethodError as error:
        raise error.proof("nothing was sent") from error
    if made := said.created.get("letter"):
        return str(made["id"]), True
    refusal = said.not_created.get("letter", {})
    if refusal.get("type") == "alreadyExists" and refusal.get("existingId"):
        return str(refusal["existingId"]), False
    raise ToolFailed(f"nothing was sent: {reason(refusal)}")


def _created(answers: Answers) -> Created | None:
    """None: the state has moved on.

    Raises:
        ToolFailed: the server does not send it.
        Unsettled: it does not say so clearly.
    """
    try:
        said = answers.changes("EmailSubmission/set")
    except MethodError as error:
        if error.state_moved:
            return None
        raise error.proof("nothing was sent") from error
    if made := said.created.get("sending"):
        return Created.model_validate(made)
    if refusal := said.not_created.get("sending"):
        raise ToolFailed(f"nothing was sent: {reason(refusal)}")
    raise Unsettled("the mail server does not say whether it sends the mail")


def _seconds(hold: timedelta) -> int:
    """Whole ones, and never less than asked for."""
    return -(-hold // timedelta(seconds=1))
