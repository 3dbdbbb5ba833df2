"""Writing a draft into the account's folder for drafts, finding it again, and removing exactly ours."""

import hashlib

from agentkit.errors import ToolFailed
from agentkit.tool import ToolContext
from agentkit_tools.email.account import MailAccount
from agentkit_tools.email.answers import Found
from agentkit_tools.email.connection import Unclear, already_changed, nothing_changed
from agentkit_tools.email.folder import Folder, opened
from agentkit_tools.email.letter import MESSAGE_ID, Letter
from agentkit_tools.email.mail import Discarded, Drafted

WRITTEN = frozenset(("\\Draft", "\\Seen"))
"""The flags a draft is written with."""
DELETED, RECENT = "\\Deleted", "\\Recent"


async def draft(ctx: ToolContext, account: MailAccount, letter: Letter) -> Drafted:
    """Append the letter, unless an earlier attempt has. Writes down before what it looks like and where it goes.

    Raises:
        ToolFailed: nothing was written.
    """
    content = letter.as_bytes()
    async with opened(account, None) as box:
        box.needs("UIDPLUS")
        with nothing_changed("nothing was written, because the drafts could not be looked through"):
            known = await _ours(box, letter.message_id)
        if known is None:
            await ctx.point_of_no_return(before={"folder": box.name, "sha256": _sha256(content)})
            place = await box.append(content, f"({' '.join(sorted(WRITTEN))})", letter.date)
            with already_changed("the draft was written, and could not be found"):
                known = place.uid if place else await _ours(box, letter.message_id)
        if known is None:
            raise Unclear("the server took the draft, and it is not there")
        return Drafted(uid=box.place(known).handle, folder=box.name, message_id=letter.message_id)


async def find_draft(account: MailAccount, message_id: str) -> Drafted | None:
    """The draft of an action."""
    async with opened(account, None) as box:
        known = await _ours(box, message_id)
        if known is None:
            return None
        return Drafted(uid=box.place(known).handle, folder=box.name, message_id=message_id)


async def discard(
    ctx: ToolContext, account: MailAccount, folder: str, message_id: str, sha256: str, uid: str | None
) -> Discarded:
    """Remove our draft for good, if it is as we wrote it; one that is gone already needs no removing.

    Args:
        ctx: the action's.
        account: whose drafts.
        folder: where it was written.
        message_id: its own.
        sha256: of its bytes.
        uid: where it is; None when the server's answer was lost.
    """
    if not MESSAGE_ID.fullmatch(message_id):
        raise ToolFailed(f"{message_id!r} is not a message id such as <id@example.org>")
    async with opened(account, folder) as box:
        box.needs("UIDPLUS")
        with nothing_changed("nothing was removed, because the drafts could not be looked through"):
            ours = await _unchanged(box, message_id, sha256, uid, again=ctx.attempt > 1)
        if ours is not None:
            await ctx.point_of_no_return()
            await _remove(box, ours)
    return Discarded(message_id=message_id, removed=ours is not None)


async def _ours(box: Folder, message_id: str) -> int | None:
    known = await box.with_message_id(message_id)
    return known[0] if known else None


async def _unchanged(box: Folder, message_id: str, sha256: str, uid: str | None, *, again: bool) -> Found | None:
    """Our draft as it is now; None when there is none any more. A mail client that edits one writes another mail."""
    known = await box.with_message_id(message_id)
    found = await box.look(known[0]) if known else None
    content = await box.content(found.uid) if found else None
    if found is None or content is None:
        return None
    allowed = {*WRITTEN, RECENT, *((DELETED,) if again else ())}
    another = len(known) > 1 or (uid is not None and found.uid != box.number_of(uid))
    if another or _sha256(content) != sha256 or not found.flags <= allowed:
        raise ToolFailed("somebody has changed the draft since it was written; it is left as it is")
    return found


async def _remove(box: Folder, ours: Found) -> None:
    if DELETED not in ours.flags:
        await box.flag(ours.uid, DELETED, True, unchanged_since=ours.modseq)
    with already_changed("the draft is marked as deleted, and could not be removed"):
        await box.remove(ours.uid)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
