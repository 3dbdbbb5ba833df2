"""Sending where the mail server itself holds a mail back, and takes it back exactly as long as it does."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Protocol

from agentkit.call import Proposal
from agentkit.effects import Checkable, Effect, ExactInverse, Irreversible, Repeat, Undo
from agentkit.tool import ToolContext
from agentkit_tools.email.letter import Letter, message_id
from agentkit_tools.email.mail import Recalled, Sent

RECALL = "email.recall_sent"


class Holding(Protocol):
    """A server that delays what is submitted to it, such as one with JMAP's EmailSubmission."""

    async def submit(self, ctx: ToolContext, letter: Letter, hold: timedelta) -> Sent:
        """Hand it over, to be sent after a while."""
        ...

    async def find(self, ctx: ToolContext, recipients: Sequence[str] = ()) -> Sent | None:
        """What became of an action's mail; None proves that there is none."""
        ...

    async def recall(self, message_id: str) -> Recalled:
        """Take it back while it is held."""
        ...


class ServerOutbox:
    """Sends through a server that holds mails back; the undo is its own."""

    def __init__(self, server: Holding, sender: str, hold: timedelta, may_land: timedelta) -> None:
        self._server = server
        self._sender = sender
        self._hold = hold
        self.repeat: Repeat = Checkable(self._find, may_land, marked=True)
        self.undo: Undo = ExactInverse(self._recalling, within=hold) if hold else Irreversible()

    async def submit(self, ctx: ToolContext, letter: Letter) -> Sent:
        """Hand it over with the hold."""
        return await self._server.submit(ctx, letter, self._hold)

    async def recall(self, message_id: str) -> Recalled:
        """Take it back."""
        return await self._server.recall(message_id)

    async def _find(
        self,
        ctx: ToolContext,
        to: Sequence[str] = (),
        cc: Sequence[str] | None = None,
        bcc: Sequence[str] | None = None,
        **_others: Any,
    ) -> Sent | None:
        return await self._server.find(ctx, [*to, *(cc or ()), *(bcc or ())])

    def _recalling(self, sending: Effect[Any]) -> Proposal[Any]:
        """By the Message-ID alone, which is made from the key: it is known before the answer, and without one."""
        return Proposal(RECALL, {"message_id": message_id(sending.key, self._sender)})
