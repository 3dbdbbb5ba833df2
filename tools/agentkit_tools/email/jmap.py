"""Sending by JMAP (RFC 8621): the mail server holds a mail back, sends it, takes it back, and remembers what it did.

A submission is a compare-and-set on the state of all submissions, read before we looked for one of our own. So a
request that was lost and arrives late, and another attempt of the same action, cannot both be carried out.
"""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from agentkit.errors import ToolFailed
from agentkit.tool import ToolContext
from agentkit_tools.email.account import MailAccount
from agentkit_tools.email.jmap_answers import MethodError, Unsettled, reason
from agentkit_tools.email.jmap_order import Order
from agentkit_tools.email.jmap_records import Desk, Seen, Submission, desk_of, look, settle
from agentkit_tools.email.jmap_session import Server, connected
from agentkit_tools.email.letter import Letter, message_id
from agentkit_tools.email.mail import Recalled, Sent

TRIES = 12
"""How often another submission of the account may come in between."""
PAUSE = 0.1
"""Seconds at most to let it pass."""
GONE = "it has gone out and cannot be taken back; a further mail could correct it"


class JmapOutbox:
    """Sends the mail of one account by its `jmap_url`.

    Looking for a mail proves something only where the server keeps the submissions it has carried out or cancelled,
    for as long as an action may be in doubt: in Cyrus `jmapsubmission_deleteonsend: no`.
    """

    def __init__(self, account: MailAccount) -> None:
        self._account = account

    async def longest_hold(self) -> timedelta:
        """For how long the server holds a mail back; zero where it sends at once.

        Raises:
            ToolFailed: it does not answer.
        """
        async with connected(self._account) as server:
            return server.longest_hold

    async def submit(self, ctx: ToolContext, letter: Letter, hold: timedelta) -> Sent:
        """Hand the letter over, to be sent after the hold; at once where there is none.

        Raises:
            ToolFailed: nothing was sent, and why.
            ToolPartial: it was sent, but not held back.
            Exception: nobody knows whether it was sent.
        """
        async with connected(self._account) as server:
            _check(server, letter, hold)
            blob = await server.upload(letter.as_bytes())
            order = Order(server, await desk_of(server, letter.sender), letter, blob, hold)
            for _ in range(TRIES):
                seen = await look(server, letter.message_id)
                if seen.submissions:
                    return _earlier(seen, letter.message_id)
                if ctx.attempt > 1:
                    await settle(server, ctx.started_at, letter.recipients)
                await ctx.point_of_no_return()
                if (sent := await order.submit(seen.state)) is not None:
                    return sent
                await asyncio.sleep(PAUSE * random.random())
            await order.discard()
        raise ToolFailed("nothing was sent: other mails of the account came in between again and again; try later")

    async def find(self, ctx: ToolContext, recipients: Sequence[str] = ()) -> Sent | None:
        """The submission of an action. None: there is none, or somebody has cancelled it.

        Args:
            ctx: the action's.
            recipients: everybody it goes to, so that also a mail is noticed that somebody has deleted since.

        Raises:
            ToolFailed: the server does not answer.
            Unsettled: it may be one that was sent and then deleted.
        """
        ours = message_id(ctx.key, self._account.address)
        async with connected(self._account) as server:
            seen = await look(server, ours)
            if not seen.submissions and recipients:
                await settle(server, ctx.started_at, recipients)
        return seen.standing[0].as_sent(ours) if seen.standing else None

    async def recall(self, message_id: str) -> Recalled:
        """Take a mail back that is still held, and lay it among the drafts; nothing to do where that was done.

        Raises:
            ToolFailed: it has gone out, was submitted again by somebody else, or never was.
            Exception: nobody knows whether it was taken back.
        """
        async with connected(self._account) as server:
            desk = await desk_of(server, self._account.address)
            for _ in range(TRIES):
                seen = await look(server, message_id)
                ours = _to_take_back(seen)
                if ours.undo == "canceled" or await _cancelled(server, desk, seen, ours):
                    return Recalled(message_id=message_id)
                await asyncio.sleep(PAUSE * random.random())
        raise ToolFailed("it is still held: other mails of the account came in between again and again; try again")


def _check(server: Server, letter: Letter, hold: timedelta) -> None:
    if hold and not server.longest_hold:
        raise ToolFailed("nothing was sent: the mail server holds no mail back; send it with a hold of zero")
    if hold > server.longest_hold:
        raise ToolFailed(f"nothing was sent: the mail server holds a mail back for at most {server.longest_hold}")
    size, limit = len(letter.as_bytes()), server.largest_upload
    if limit is not None and size > limit:
        raise ToolFailed(f"nothing was sent: the mail has {size} bytes, the server takes {limit}")


def _earlier(seen: Seen, message_id: str) -> Sent:
    """What an earlier attempt has left."""
    if not seen.standing:
        raise ToolFailed("it was taken back at the mail server before it went out; nothing was sent", ever=True)
    return seen.standing[0].as_sent(message_id)


def _to_take_back(seen: Seen) -> Submission:
    """The one submission of a mail.

    Raises:
        ToolFailed: there is none, another one, or it has gone out.
    """
    if not seen.submissions:
        raise ToolFailed("the mail server holds no such mail: there is nothing to take back")
    if any(each.undo == "final" for each in seen.submissions):
        raise ToolFailed(GONE)
    if len(seen.submissions) > 1:
        raise ToolFailed("somebody else has submitted it again: decide about it in the mail program")
    return seen.submissions[0]


async def _cancelled(server: Server, desk: Desk, seen: Seen, ours: Submission) -> bool:
    """False: something else was submitted since, so look again."""
    cancelling: dict[str, Any] = {"ifInState": seen.state, "update": {ours.id: {"undoStatus": "canceled"}}}
    if desk.sent in seen.folders[ours.email]:
        moved = {f"mailboxIds/{desk.sent}": None, f"mailboxIds/{desk.drafts}": True, "keywords/$draft": True}
        cancelling["onSuccessUpdateEmail"] = {ours.id: moved}
    answers = await server.change(("EmailSubmission/set", cancelling))
    try:
        said = answers.changes("EmailSubmission/set")
    except MethodError as error:
        if error.state_moved:
            return False
        raise error.proof("it was not taken back") from error
    if ours.id in said.updated:
        return True
    if (refusal := said.not_updated.get(ours.id)) is None:
        raise Unsettled("the mail server does not say whether it took the mail back")
    raise ToolFailed(GONE if refusal.get("type") == "cannotUnsend" else f"it was not taken back: {reason(refusal)}")
