"""What a JMAP server keeps of one mail: the mail in its folders, and every submission that was made of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel, Field

from agentkit.errors import ToolFailed
from agentkit_tools.email.jmap_answers import Unsettled
from agentkit_tools.email.jmap_session import Server
from agentkit_tools.email.mail import Sent

CLOCKS_DIFFER = timedelta(days=1)
"""At most, ours and the server's."""


class Address(BaseModel):
    """One of an envelope."""

    email: str
    parameters: dict[str, str | None] | None = None


class Envelope(BaseModel):
    """Who sends, and who gets it."""

    mail_from: Address = Field(alias="mailFrom")
    rcpt_to: list[Address] = Field(alias="rcptTo")


class Submission(BaseModel):
    """One order to send a mail, and whether it can still be taken back."""

    id: str
    email: str = Field(alias="emailId")
    envelope: Envelope
    send_at: AwareDatetime = Field(alias="sendAt")
    undo: str = Field(alias="undoStatus")
    """`pending`, `final` or `canceled`."""

    @property
    def held(self) -> bool:
        """Whether a delay was asked for."""
        return "HOLDFOR" in (self.envelope.mail_from.parameters or {})

    @property
    def reaches(self) -> set[str]:
        """Everybody in the envelope, in small letters."""
        return {each.email.lower() for each in self.envelope.rcpt_to}

    def as_sent(self, message_id: str) -> Sent:
        """The same whether it is still held or has gone out."""
        accepted = [each.email for each in self.envelope.rcpt_to]
        return Sent(message_id=message_id, accepted=accepted, held_until=self.send_at if self.held else None)


@dataclass(frozen=True)
class Seen:
    """What a look found."""

    state: str
    """Of all submissions, read before the look: where it is still the same, nothing was submitted since."""
    submissions: list[Submission]
    """Of mails with the Message-ID looked for."""
    folders: dict[str, list[str]]
    """Of these mails, by their id."""

    @property
    def standing(self) -> list[Submission]:
        """Those that nobody has cancelled."""
        return [each for each in self.submissions if each.undo != "canceled"]


@dataclass(frozen=True)
class Desk:
    """What sending needs to know of the account: in whose name, and which folders."""

    identity: str
    drafts: str
    sent: str


async def look(server: Server, message_id: str) -> Seen:
    """Find a mail by its Message-ID, in any folder, with its submissions.

    Raises:
        ToolFailed: the server did not answer.
    """
    bare = message_id.strip("<>")
    first = await server.ask(
        ("EmailSubmission/get", {"ids": []}),
        ("Email/query", {"filter": {"header": ["Message-ID", bare]}}),
    )
    state = str(first.of("EmailSubmission/get")["state"])
    found: list[str] = first.of("Email/query")["ids"]
    if not found:
        return Seen(state, [], {})
    then = await server.ask(
        ("Email/get", {"ids": found, "properties": ["messageId", "mailboxIds"]}),
        ("EmailSubmission/query", {"filter": {"emailIds": found}}),
        (
            "EmailSubmission/get",
            {"#ids": _result("EmailSubmission/query", "/ids")},
        ),
    )
    # The filter finds headers that contain the words; only those that are the same count.
    mails: list[dict[str, Any]] = [
        each for each in then.of("Email/get")["list"] if bare in (each.get("messageId") or [])
    ]
    folders = {str(each["id"]): list(each["mailboxIds"]) for each in mails}
    submissions = [Submission.model_validate(each) for each in then.of("EmailSubmission/get")["list"]]
    return Seen(state, [each for each in submissions if each.email in folders], folders)


async def settle(server: Server, began: datetime, recipients: Sequence[str]) -> None:
    """Make sure that no mail is missing from a look which found none: who deletes a mail leaves its submission.

    Args:
        server: where the look was.
        began: when the action began.
        recipients: to whom its mail goes, all of them.

    Raises:
        Unsettled: a mail to exactly these has been submitted since, and somebody has deleted it.
        ToolFailed: the server did not answer.
    """
    since = (began - CLOCKS_DIFFER).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    answers = await server.ask(
        ("EmailSubmission/query", {"filter": {"after": since}}),
        ("EmailSubmission/get", {"#ids": _result("EmailSubmission/query", "/ids")}),
        ("Email/get", {"#ids": _result("EmailSubmission/get", "/list/*/emailId"), "properties": ["id"]}),
    )
    gone: list[str] = answers.of("Email/get").get("notFound") or []
    records = [Submission.model_validate(each) for each in answers.of("EmailSubmission/get")["list"]]
    wanted = {each.lower() for each in recipients}
    if any(each.email in gone and each.undo != "canceled" and each.reaches == wanted for each in records):
        raise Unsettled("a mail to these recipients was sent and then deleted by somebody: it may be this one")


def _result(method: str, path: str) -> dict[str, str]:
    return {"resultOf": method, "name": method, "path": path}


async def desk_of(server: Server, sender: str) -> Desk:
    """Find the identity of a sender, and the folders by their roles.

    Raises:
        ToolFailed: one of them is missing, and which.
    """
    answers = await server.ask(("Identity/get", {"ids": None}), ("Mailbox/get", {"properties": ["role"]}))
    identities: list[dict[str, Any]] = answers.of("Identity/get")["list"]
    folders = {each.get("role"): str(each["id"]) for each in answers.of("Mailbox/get")["list"]}
    if missing := [role for role in ("drafts", "sent") if role not in folders]:
        raise ToolFailed(f"the mail server has no folder with the role {' and '.join(missing)}: make one there")
    return Desk(_identity(identities, sender), folders["drafts"], folders["sent"])


def _identity(identities: list[dict[str, Any]], sender: str) -> str:
    """The sender's own; else one for the whole domain; else one that leaves the address open."""
    for address in (sender, f"*@{sender.rpartition('@')[2]}", ""):
        for each in identities:
            if str(each.get("email") or "").lower() == address.lower():
                return str(each["id"])
    known = ", ".join(str(each.get("email")) for each in identities) or "nobody"
    raise ToolFailed(f"the mail server does not send in the name of {sender}; it does for {known}")
