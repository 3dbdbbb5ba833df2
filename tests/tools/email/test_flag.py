"""Flags on Dovecot: set once, taken back exactly, and never over somebody else's change."""

from imaplib import IMAP4

import pytest

from agentkit.effects import Effect
from agentkit.errors import ToolFailed
from agentkit_tools.email import Email, MailAccount
from tests.tools.email.conftest import ALICE, marking, someone_flags

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("dovecot")]


def flags(house, message_id) -> tuple[str, ...]:
    return next(mail.flags for mail in house.mails(ALICE)["INBOX"] if mail.message_id == message_id)


def undo(email, before, result, **arguments):
    given = {"folder": "INBOX", "on": True, **arguments}
    return email.flag.undo.inverse(Effect("k", given, result, before)).arguments


async def test_a_flag_is_set_and_taken_back_exactly(house, email, context, call, arrives, handle):
    mail = arrives()
    uid, marks = await handle(mail), []
    flagged = await call(email.flag, marking(context(), marks), uid=uid, flag="flagged")
    assert flags(house, mail) == ("\\Flagged",)
    await call(email.restore_flag, context(2), **undo(email, marks[0], flagged, uid=uid, flag="flagged"))
    assert flags(house, mail) == ()


async def test_what_was_so_already_stays_so_after_an_undo(house, email, context, call, arrives, handle):
    mail = arrives()
    uid, marks = await handle(mail), []
    someone_flags(house, uid, "\\Seen")
    seen = await call(email.flag, marking(context(), marks), uid=uid, flag="seen")
    await call(email.restore_flag, context(2), **undo(email, marks[0], seen, uid=uid, flag="seen"))
    assert flags(house, mail) == ("\\Seen",)


async def test_somebody_elses_later_change_refuses_the_undo(house, email, context, call, arrives, handle):
    mail = arrives()
    uid, marks = await handle(mail), []
    flagged = await call(email.flag, marking(context(), marks), uid=uid, flag="flagged")
    someone_flags(house, uid, "\\Answered")
    for result in (flagged, None):
        with pytest.raises(ToolFailed, match="somebody has changed"):
            await call(email.restore_flag, context(2), **undo(email, marks[0], result, uid=uid, flag="flagged"))
    assert flags(house, mail) == ("\\Answered", "\\Flagged")


async def test_a_change_at_the_same_moment_is_not_overwritten(house, email, context, call, arrives, handle):
    mail = arrives()
    uid = await handle(mail)

    async def mark(before):
        someone_flags(house, uid, "\\Seen")
        return before

    with pytest.raises(ToolFailed, match="at the same moment"):
        await call(email.flag, context(mark=mark), uid=uid, flag="flagged")
    assert flags(house, mail) == ("\\Seen",)


@pytest.mark.parametrize("how", ["lost_command", "lost_answer"])
async def test_after_a_lost_answer_the_flag_is_set_once_and_taken_back_exactly(
    house, cut, relay, context, call, arrives, handle, how
):
    mail = arrives()
    uid, marks = await handle(mail), []
    relay.lose("UID STORE", how)
    with pytest.raises((IMAP4.abort, OSError)):
        await call(cut.flag, marking(context(), marks), uid=uid, flag="flagged")
    assert relay.taken == 1
    flagged = await call(cut.flag, marking(context(attempt=2), marks), uid=uid, flag="flagged")
    assert flags(house, mail) == ("\\Flagged",)
    await call(cut.restore_flag, context(2), **undo(cut, marks[0], flagged, uid=uid, flag="flagged"))
    assert flags(house, mail) == ()


@pytest.mark.parametrize("how", ["lost_command", "lost_answer"])
async def test_without_any_answer_the_flag_is_taken_back_too(house, cut, relay, context, call, arrives, handle, how):
    mail = arrives()
    uid, marks = await handle(mail), []
    relay.lose("UID STORE", how)
    with pytest.raises((IMAP4.abort, OSError)):
        await call(cut.flag, marking(context(), marks), uid=uid, flag="flagged")
    for number in (2, 3):
        await call(cut.restore_flag, context(number), **undo(cut, marks[0], None, uid=uid, flag="flagged"))
        assert flags(house, mail) == ()


async def test_a_command_that_arrives_after_the_undo_changes_nothing(house, cut, relay, context, call, arrives, handle):
    mail = arrives()
    uid, marks = await handle(mail), []
    relay.lose("UID STORE", "late", seconds=1)
    with pytest.raises((IMAP4.abort, OSError)):
        await call(cut.flag, marking(context(), marks), uid=uid, flag="flagged")
    flagged = await call(cut.flag, marking(context(attempt=2), marks), uid=uid, flag="flagged")
    await call(cut.restore_flag, context(2), **undo(cut, marks[0], flagged, uid=uid, flag="flagged"))
    await relay.settled()
    assert flags(house, mail) == ()


async def test_a_stale_uid_is_refused(email, context, call, arrives, handle):
    _, _, uid = (await handle(arrives())).partition("-")
    with pytest.raises(ToolFailed, match="have changed"):
        await call(email.flag, context(), uid=f"1-{uid}", flag="seen")
    with pytest.raises(ToolFailed, match="lists the uids"):
        await call(email.flag, context(), uid=uid, flag="seen")


async def test_without_versions_of_mails_no_flag_is_touched(account: MailAccount, context, call):
    with pytest.raises(ToolFailed, match="CONDSTORE"):
        await call(Email(account).flag, context(), uid="1-1", flag="seen")
