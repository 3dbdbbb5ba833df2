"""Setting and removing one flag of one mail, guarded by the version that was seen, and putting it back.

A STORE under `UNCHANGEDSINCE` is refused as soon as anybody has changed the mail, so that one that arrives late
changes nothing any more, and somebody else's change is never overwritten.
"""

from agentkit.errors import ToolFailed
from agentkit.tool import ToolContext
from agentkit_tools.email.account import MailAccount
from agentkit_tools.email.answers import Found
from agentkit_tools.email.connection import Unclear, nothing_changed
from agentkit_tools.email.flags import NAMES, Flag
from agentkit_tools.email.folder import Folder, opened
from agentkit_tools.email.mail import Flagged


async def set_flag(ctx: ToolContext, account: MailAccount, uid: str, folder: str, flag: Flag, on: bool) -> Flagged:
    """Make the flag so. Writes down before which flags there are, and at which version of the mail.

    Raises:
        ToolFailed: nothing was changed, because the mail is not there or somebody changed it meanwhile.
    """
    async with opened(account, folder) as box:
        number, now = await _look(box, uid)
        first = await ctx.point_of_no_return(before={"flags": _lasting(now), "modseq": now.modseq})
        if (NAMES[flag] in now.flags) == on:
            return Flagged(uid=uid, folder=folder, flag=flag, on=on, modseq=now.modseq)
        if now.modseq != first["modseq"]:
            raise ToolFailed(f"somebody has changed the mail {uid} since this was begun; look at it again")
        return await _write(box, number, now, Flagged(uid=uid, folder=folder, flag=flag, on=on, modseq=0))


async def restore_flag(
    ctx: ToolContext, account: MailAccount, uid: str, folder: str, flag: Flag, before: list[str], modseq: int | None
) -> Flagged:
    """Make the flag what it was, unless somebody else has changed the mail since we did.

    Args:
        ctx: the action's.
        account: whose mail.
        uid: which mail.
        folder: where it is.
        flag: which flag.
        before: all flags there were before.
        modseq: the version we wrote; None when the server's answer was lost. The other flags must be as before.
    """
    name, was = NAMES[flag], NAMES[flag] in before
    async with opened(account, folder) as box:
        number, now = await _look(box, uid)
        if (name in now.flags) == was:
            return Flagged(uid=uid, folder=folder, flag=flag, on=was, modseq=now.modseq)
        if {*_lasting(now)} ^ {*before} != {name} or modseq not in (None, now.modseq):
            raise ToolFailed(f"somebody has changed the mail {uid} since; the flag is left as it is")
        await ctx.point_of_no_return()
        return await _write(box, number, now, Flagged(uid=uid, folder=folder, flag=flag, on=was, modseq=0))


def _lasting(found: Found) -> list[str]:
    """Its flags without the one that each session sees otherwise."""
    return sorted(found.flags - {"\\Recent"})


async def _look(box: Folder, uid: str) -> tuple[int, Found]:
    box.needs("CONDSTORE")
    number = box.number_of(uid)
    with nothing_changed("nothing was changed, because the mail could not be looked at"):
        now = await box.look(number)
    if now is None:
        raise ToolFailed(f"there is no mail {uid} in {box.name} any more: somebody has moved or deleted it")
    return number, now


async def _write(box: Folder, number: int, now: Found, wanted: Flagged) -> Flagged:
    modseq = await box.flag(number, NAMES[wanted.flag], wanted.on, unchanged_since=now.modseq)
    if modseq is None:
        raise Unclear("the server did not say at which version it has changed the mail")
    return wanted.model_copy(update={"modseq": modseq})
