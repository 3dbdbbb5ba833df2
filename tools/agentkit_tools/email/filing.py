"""The tools that change the mailbox itself: drafts, folders and flags, each with the way back."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from agentkit.call import Proposal
from agentkit.effects import Effect, ExactInverse, Findable, Idempotent, Irreversible
from agentkit.label import Bound, Content
from agentkit.tool import Tool, ToolContext, tool
from agentkit_tools.email.account import MailAccount
from agentkit_tools.email.address import Address
from agentkit_tools.email.answers import Fingerprint
from agentkit_tools.email.attachment import AttachmentFile, enclosed
from agentkit_tools.email.drafting import discard, draft, find_draft
from agentkit_tools.email.flagging import restore_flag, set_flag
from agentkit_tools.email.flags import Flag
from agentkit_tools.email.letter import Subject, Words, compose, message_id
from agentkit_tools.email.mail import Discarded, Drafted, Flagged, Moved
from agentkit_tools.email.mailbox import INBOX
from agentkit_tools.email.moving import move, move_back


class Filing:
    """Drafts, moves and flags of one account's mail, over IMAP.

    Args:
        account: whose mail.
        may_land: how long after a broken connection the server may still store a draft it had received.
    """

    def __init__(self, account: MailAccount, may_land: timedelta) -> None:
        self._account = account
        # People send, edit and delete drafts every day: that there is none proves nothing.
        found = Findable(self._find_draft, may_land, marked=True)
        self.draft = tool("email.draft", repeat=found, undo=ExactInverse(self._discarding))(self._draft)
        self.move = tool("email.move", repeat=Idempotent(), undo=ExactInverse(self._moving_back))(self._move)
        self.flag = tool("email.flag", repeat=Idempotent(), undo=ExactInverse(self._restoring))(self._flag)
        self.discard_draft = tool("email.discard_draft", repeat=Idempotent(), undo=Irreversible())(self._discard)
        self.move_back = tool("email.move_back", repeat=Idempotent(), undo=Irreversible())(self._move_back)
        self.restore_flag = tool("email.restore_flag", repeat=Idempotent(), undo=Irreversible())(self._restore_flag)

    def __iter__(self) -> Iterator[Tool[..., Any]]:
        return iter((self.draft, self.move, self.flag, self.discard_draft, self.move_back, self.restore_flag))

    async def _draft(
        self,
        ctx: ToolContext,
        to: Annotated[list[Address], Field(min_length=1), Bound],
        subject: Subject,
        body: Annotated[str, Content],
        cc: Annotated[list[Address] | None, Bound] = None,
        in_reply_to: str | None = None,
        attachments: Annotated[list[AttachmentFile] | None, Content] = None,
    ) -> Drafted:
        """Write a mail into the drafts and send nothing: a person looks at it, and sends it or not."""
        words = Words(to, subject, body, cc or (), in_reply_to=in_reply_to, enclosures=enclosed(attachments or ()))
        return await draft(ctx, self._account, compose(ctx, self._account.address, words))

    async def _find_draft(self, ctx: ToolContext, **_arguments: Any) -> Drafted | None:
        return await find_draft(self._account, message_id(ctx.key, self._account.address))

    def _discarding(self, drafted: Effect[Drafted]) -> Proposal[Discarded] | None:
        if drafted.before is None:
            return None
        return self.discard_draft(
            folder=drafted.before["folder"],
            message_id=message_id(drafted.key, self._account.address),
            sha256=drafted.before["sha256"],
            uid=drafted.result.uid if drafted.result else None,
        )

    async def _discard(
        self, ctx: ToolContext, folder: str, message_id: Annotated[str, Bound], sha256: str, uid: str | None = None
    ) -> Discarded:
        """Take back email.draft: remove the draft for good, unless somebody has changed it."""
        return await discard(ctx, self._account, folder, message_id, sha256, uid)

    async def _move(
        self,
        ctx: ToolContext,
        uid: Annotated[str, Bound],
        to_folder: Annotated[str, Bound],
        folder: Annotated[str, Bound] = INBOX,
    ) -> Moved:
        """Move a mail to another folder, where it gets another uid. Answer it first: an answer needs the uid."""
        return await move(ctx, self._account, uid, folder, to_folder)

    def _moving_back(self, moved: Effect[Moved]) -> Proposal[Moved] | None:
        if moved.before is None:
            return None
        return self.move_back(
            was=moved.arguments["uid"],
            uid=moved.result.uid if moved.result else None,
            folder=moved.arguments["to_folder"],
            to_folder=moved.arguments["folder"],
            fingerprint=Fingerprint(**moved.before["fingerprint"]),
            begins=moved.before["begins"],
        )

    async def _move_back(
        self,
        ctx: ToolContext,
        was: Annotated[str, Bound],
        uid: Annotated[str | None, Bound],
        folder: Annotated[str, Bound],
        to_folder: Annotated[str, Bound],
        fingerprint: Fingerprint,
        begins: str,
    ) -> Moved:
        """Take back email.move: bring a mail back to the folder it came from, if it is still where it was put."""
        return await move_back(ctx, self._account, (to_folder, was), (folder, uid), fingerprint, begins)

    async def _flag(
        self,
        ctx: ToolContext,
        uid: Annotated[str, Bound],
        flag: Annotated[Flag, Bound],
        on: Annotated[bool, Bound] = True,
        folder: Annotated[str, Bound] = INBOX,
    ) -> Flagged:
        """Mark a mail as seen, flagged or answered, or take the mark away."""
        return await set_flag(ctx, self._account, uid, folder, flag, on)

    def _restoring(self, flagged: Effect[Flagged]) -> Proposal[Flagged] | None:
        if flagged.before is None:
            return None
        return self.restore_flag(
            uid=flagged.arguments["uid"],
            folder=flagged.arguments["folder"],
            flag=flagged.arguments["flag"],
            before=flagged.before["flags"],
            modseq=flagged.result.modseq if flagged.result else None,
        )

    async def _restore_flag(
        self,
        ctx: ToolContext,
        uid: Annotated[str, Bound],
        folder: Annotated[str, Bound],
        flag: Annotated[Flag, Bound],
        before: Annotated[list[str], Bound],
        modseq: int | None = None,
    ) -> Flagged:
        """Take back email.flag: make the flag what it was, unless somebody has changed the mail since."""
        return await restore_flag(ctx, self._account, uid, folder, flag, before, modseq)
