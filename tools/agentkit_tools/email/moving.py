"""Moving one mail to another folder, and back, also when the server's answer was lost.

A uid is never given twice, so a MOVE can happen once at most, however often and however late it arrives. What has
become of a lost one is seen by looking where the mail is now: by its number in the old folder, by its fingerprint
among those that came into the new one since.
"""

from typing import Any

from agentkit.errors import ToolFailed
from agentkit.tool import ToolContext
from agentkit_tools.email.account import MailAccount
from agentkit_tools.email.answers import Fingerprint
from agentkit_tools.email.connection import Unclear, already_changed, nothing_changed
from agentkit_tools.email.folder import Folder, opened
from agentkit_tools.email.mail import Moved
from agentkit_tools.email.place import Place

NOT_SEEN = "nothing was moved, because the mail could not be looked for"


async def move(ctx: ToolContext, account: MailAccount, uid: str, folder: str, to_folder: str) -> Moved:
    """Move a mail. Writes down before what it looks like, and where new mails of the other folder begin.

    Raises:
        ToolFailed: nothing was moved: no such mail or folder.
    """
    if folder == to_folder:
        raise ToolFailed(f"the mail is in {folder} already")
    async with opened(account, folder) as box:
        box.needs("MOVE", "UIDPLUS")
        number = box.number_of(uid)
        with nothing_changed(NOT_SEEN):
            now, begins = await box.look(number), await box.next_uid(to_folder)
        if now is None and ctx.attempt == 1:
            raise ToolFailed(f"there is no mail {uid} in {folder} any more: somebody has moved or deleted it")
        before = {"fingerprint": now.fingerprint.model_dump(), "begins": begins.handle} if now else None
        first = await ctx.point_of_no_return(before=before)
        there = await box.move(number, to_folder) if now else None
    return Moved(uid=(there or await _arrived(account, to_folder, first)).handle, folder=to_folder)


async def move_back(
    ctx: ToolContext,
    account: MailAccount,
    origin: tuple[str, str],
    moved: tuple[str, str | None],
    fingerprint: Fingerprint,
    begins: str,
) -> Moved:
    """Bring a mail back from where we moved it, if it is still there; one that never left stays.

    Args:
        ctx: the action's.
        account: whose mail.
        origin: the folder it came from, and its uid there.
        moved: the folder we moved it to, and its uid there; None when the server's answer was lost.
        fingerprint: what it looks like.
        begins: the first uid it can have where we moved it.
    """
    (home, was), (away, uid) = origin, moved
    if await _never_left(account, home, was, fingerprint):
        return Moved(uid=was, folder=home)
    async with opened(account, away) as box:
        with nothing_changed(NOT_SEEN):
            number, lands = await _still_there(box, uid, fingerprint, begins), await box.next_uid(home)
        if number is None and ctx.attempt == 1:
            raise ToolFailed(f"the mail is not in {away} any more: somebody has moved or deleted it since")
        before = {"fingerprint": fingerprint.model_dump(), "begins": lands.handle}
        first = await ctx.point_of_no_return(before=before)
        there = await box.move(number, home) if number else None
    return Moved(uid=(there or await _arrived(account, home, first)).handle, folder=home)


async def _never_left(account: MailAccount, home: str, was: str, fingerprint: Fingerprint) -> bool:
    async with opened(account, home) as box:
        place = Place.of(was, home)
        with nothing_changed(NOT_SEEN):
            found = await box.look(place.uid) if place.validity == box.validity else None
    return found is not None and found.fingerprint == fingerprint


async def _still_there(box: Folder, uid: str | None, fingerprint: Fingerprint, begins: str) -> int | None:
    if uid is None:
        return await _one_like(box, fingerprint, begins)
    found = await box.look(box.number_of(uid))
    return found.uid if found and found.fingerprint == fingerprint else None


async def _arrived(account: MailAccount, folder: str, first: dict[str, Any] | None) -> Place:
    """Where a mail is that we have moved, or that is gone from where it was since we began.

    Raises:
        Unclear: it cannot be told.
    """
    with already_changed(f"the mail was moved, and could not be found in {folder}"):
        async with opened(account, folder) as box:
            fingerprint = Fingerprint(**first["fingerprint"]) if first else None
            number = await _one_like(box, fingerprint, first["begins"]) if first and fingerprint else None
            if number is None:
                raise Unclear(f"the mail is neither where it was nor in {folder}: somebody has moved or deleted it")
            return box.place(number)


async def _one_like(box: Folder, fingerprint: Fingerprint, begins: str) -> int | None:
    """The one mail with this fingerprint, of those that came since; a perfect copy could not be told from it."""
    place = Place.of(begins, box.name)
    place.check(box.validity, box.name)
    alike = await box.alike(fingerprint, place.uid)
    if len(alike) > 1:
        raise ToolFailed(f"{len(alike)} mails in {box.name} look exactly like the one that was moved; look for it")
    return alike[0] if alike else None
