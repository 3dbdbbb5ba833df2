"""The way out for mail: by SMTP after a hold of our own, or by JMAP, where the mail server itself holds it back."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from agentkit.effects import Blind, Checkable, Delayable, Findable, Irreversible, Repeat, Undo
from agentkit.errors import ToolPartial
from agentkit.tool import ToolContext
from agentkit_tools.email.account import MailAccount
from agentkit_tools.email.letter import REFUSED, Letter, mark_of, message_id, refused_of
from agentkit_tools.email.mail import Sent
from agentkit_tools.email.mailbox import Mailbox
from agentkit_tools.email.reading import header_of
from agentkit_tools.email.submission import submit


class Outbox(Protocol):
    """Sends letters, and can say what it promises about that."""

    @property
    def repeat(self) -> Repeat:
        """What is known about a mail after a lost answer."""
        ...

    @property
    def undo(self) -> Undo:
        """How a mail is taken back."""
        ...

    async def submit(self, ctx: ToolContext, letter: Letter) -> Sent:
        """Send it.

        Raises:
            ToolFailed: nothing was sent, and why.
            ToolPartial: it went to some, and the server refused the others.
            Exception: nobody knows whether it was sent.
        """
        ...


@dataclass(frozen=True)
class Evidence:
    """What a copy to the account's own inbox proves about a mail sent by SMTP."""

    own_copy: bool
    """Send one in the same transaction."""
    copy_is_proof: bool
    """Its absence from every folder proves that nothing was sent; nobody deletes it before the action has ended."""
    may_land: timedelta
    """How long after an attempt ended it may still arrive."""


class SmtpOutbox:
    """Sends by SMTP; our own journal holds mails back."""

    def __init__(self, account: MailAccount, hold: timedelta, evidence: Evidence) -> None:
        self._account = account
        self._mailbox = Mailbox(account)
        self._evidence = evidence
        self._copy_to = account.address if evidence.own_copy else None
        self.undo: Undo = Delayable(hold) if hold else Irreversible()

    @property
    def repeat(self) -> Repeat:
        """How much our copy of a mail proves."""
        if not self._evidence.own_copy:
            return Blind(marked=True)
        if self._evidence.copy_is_proof:
            return Checkable(self.find, self._evidence.may_land, marked=True)
        return Findable(self.find, self._evidence.may_land, marked=True)

    async def submit(self, ctx: ToolContext, letter: Letter) -> Sent:
        """Send it, and a copy to ourselves in the same transaction."""
        refused = await submit(ctx, self._account, letter, self._copy_to)
        return _sent(letter.message_id, letter.recipients, refused)

    async def find(
        self,
        ctx: ToolContext,
        to: list[str],
        cc: list[str] | None = None,
        bcc: list[str] | None = None,
        **_others: Any,
    ) -> Sent | None:
        """The proof that an action's mail was sent: its copy, in any folder. None proves nothing.

        Raises:
            ToolPartial: it was sent, and the server had refused some of the recipients.
        """
        ours = message_id(ctx.key, self._account.address)
        copy = await asyncio.to_thread(self._mailbox.find_sent, mark_of(ctx.key), ours)
        if copy is None:
            return None
        refused = refused_of(header_of(copy, REFUSED), [*to, *(cc or ())])
        return _sent(
            header_of(copy, "Message-ID") or ours, list(dict.fromkeys((*to, *(cc or ()), *(bcc or ())))), refused
        )


def _sent(message_id: str, recipients: Sequence[str], refused: Sequence[str]) -> Sent:
    accepted = [recipient for recipient in recipients if recipient not in refused]
    sent = Sent(message_id=message_id, accepted=accepted, refused=list(refused))
    if refused:
        raise ToolPartial(f"the server refused {', '.join(refused)}; the others have the mail", sent)
    return sent
