"""Moving a mail on Dovecot: once, found again after a lost answer, and brought back exactly."""

from imaplib import IMAP4

import pytest

from agentkit.effects import Effect
from agentkit.errors import ToolFailed
from agentkit_tools.email.connection import Unclear
from tests.tools.email.conftest import ALICE, imap, marking, someone_flags

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("dovecot")]
LOST = (IMAP4.abort, OSError)


def where(house, message_id) -> list[str]:
    return [folder for folder, mails in house.mails(ALICE).items() for mail in mails if mail.message_id == message_id]


def undo(email, before, result, uid):
    arguments = {"uid": uid, "folder": "INBOX", "to_folder": "Archive"}
    return email.move.undo.inverse(Effect("k", arguments, result, before)).arguments


def someone_moves(house, uid, folder, to_folder):
    with imap(house) as box:
        box.folder.set(folder)
        box.client.uid("MOVE", uid.partition("-")[2], to_folder)


async def test_a_mail_is_moved_and_brought_back_with_its_flags(house, email, context, call, arrives, handle):
    mail = arrives()
    uid, marks = await handle(mail), []
    someone_flags(house, uid, "\\Flagged")
    world = house.mails(ALICE)["INBOX"]
    moved = await call(email.move, marking(context(), marks), uid=uid, to_folder="Archive")
    assert (where(house, mail), moved.uid) == (["Archive"], await handle(mail, "Archive"))
    await call(email.move_back, context(2), **undo(email, marks[0], moved, uid))
    assert house.mails(ALICE)["INBOX"] == world
    assert where(house, mail) == ["INBOX"]


@pytest.mark.parametrize("how", ["lost_command", "lost_answer"])
async def test_after_a_lost_answer_the_next_attempt_finds_it(house, cut, relay, context, call, arrives, handle, how):
    mail = arrives()
    uid, marks = await handle(mail), []
    relay.lose("UID MOVE", how)
    with pytest.raises(LOST):
        await call(cut.move, marking(context(), marks), uid=uid, to_folder="Archive")
    assert relay.taken == 1
    moved = await call(cut.move, marking(context(attempt=2), marks), uid=uid, to_folder="Archive")
    assert (where(house, mail), moved.uid) == (["Archive"], await handle(mail, "Archive"))


@pytest.mark.parametrize("how", ["lost_command", "lost_answer"])
async def test_without_any_answer_it_is_brought_back_too(house, cut, relay, context, call, arrives, handle, how):
    mail = arrives()
    uid, marks = await handle(mail), []
    relay.lose("UID MOVE", how)
    with pytest.raises(LOST):
        await call(cut.move, marking(context(), marks), uid=uid, to_folder="Archive")
    await call(cut.move_back, context(2), **undo(cut, marks[0], None, uid))
    assert where(house, mail) == ["INBOX"]


async def test_a_lost_answer_of_the_way_back_is_seen_through(house, cut, relay, context, call, arrives, handle):
    mail = arrives()
    uid, marks, back = await handle(mail), [], []
    moved = await call(cut.move, marking(context(), marks), uid=uid, to_folder="Archive")
    relay.lose("UID MOVE", "lost_answer")
    with pytest.raises(LOST):
        await call(cut.move_back, marking(context(2), back), **undo(cut, marks[0], moved, uid))
    home = await call(cut.move_back, marking(context(2, attempt=2), back), **undo(cut, marks[0], moved, uid))
    assert (where(house, mail), home.uid) == (["INBOX"], await handle(mail))


async def test_a_command_that_arrives_after_the_undo_moves_nothing(house, cut, relay, context, call, arrives, handle):
    mail = arrives()
    uid, marks = await handle(mail), []
    relay.lose("UID MOVE", "late", seconds=1)
    with pytest.raises(LOST):
        await call(cut.move, marking(context(), marks), uid=uid, to_folder="Archive")
    moved = await call(cut.move, marking(context(attempt=2), marks), uid=uid, to_folder="Archive")
    await call(cut.move_back, context(2), **undo(cut, marks[0], moved, uid))
    await relay.settled()
    assert where(house, mail) == ["INBOX"]


async def test_of_two_deliveries_of_one_mail_only_the_named_one_moves(
    house, cut, relay, context, call, arrives, handle, email
):
    mail = arrives(**{"Message-ID": "<twice@example.org>", "Received": "by one"})
    arrives(**{"Message-ID": "<twice@example.org>", "Received": "by two"})
    listed = await call(email.search, context(), limit=2)
    uid, marks = listed[1].uid, []
    relay.lose("UID MOVE", "lost_answer")
    with pytest.raises(LOST):
        await call(cut.move, marking(context(), marks), uid=uid, to_folder="Archive")
    someone_moves(house, listed[0].uid, "INBOX", "Archive")
    moved = await call(cut.move, marking(context(attempt=2), marks), uid=uid, to_folder="Archive")
    await call(cut.move_back, context(2), **undo(cut, marks[0], moved, uid))
    left = {folder: [str(each.message["Received"]) for each in mails if each.message_id == mail]
            for folder, mails in house.mails(ALICE).items()}  # fmt: skip
    assert (left["INBOX"], left["Archive"]) == (["by one"], ["by two"])


async def test_two_perfect_copies_are_not_guessed_between(house, cut, relay, context, call, arrives, handle):
    mail = arrives()
    uid, marks = await handle(mail), []
    relay.lose("UID MOVE", "lost_answer")
    with pytest.raises(LOST):
        await call(cut.move, marking(context(), marks), uid=uid, to_folder="Archive")
    with imap(house) as box:
        box.folder.set("Archive")
        box.client.uid("COPY", (await handle(mail, "Archive")).partition("-")[2], "Archive")
    with pytest.raises(Unclear, match="exactly like"):
        await call(cut.move, marking(context(attempt=2), marks), uid=uid, to_folder="Archive")


async def test_what_somebody_else_moved_on_stays_there(house, email, context, call, arrives, handle):
    mail = arrives()
    uid, marks = await handle(mail), []
    moved = await call(email.move, marking(context(), marks), uid=uid, to_folder="Archive")
    someone_moves(house, moved.uid, "Archive", "Trash")
    with pytest.raises(ToolFailed, match="not in Archive any more"):
        await call(email.move_back, context(2), **undo(email, marks[0], moved, uid))
    assert where(house, mail) == ["Trash"]


async def test_what_is_not_there_is_named(email, context, call, arrives, handle):
    uid = await handle(arrives())
    with pytest.raises(ToolFailed, match="Nowhere"):
        await call(email.move, context(), uid=uid, to_folder="Nowhere")
    with pytest.raises(ToolFailed, match="already"):
        await call(email.move, context(), uid=uid, to_folder="INBOX")
    with pytest.raises(ToolFailed, match="no folder"):
        await call(email.move, context(), uid=uid, folder="Nowhere", to_folder="Archive")
    await call(email.move, context(), uid=uid, to_folder="Trash")
    with pytest.raises(ToolFailed, match="any more"):
        await call(email.move, context(2), uid=uid, to_folder="Archive")
