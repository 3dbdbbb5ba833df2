"""Drafts on Dovecot: written once, found after a lost answer, and removed only as they were written."""

from base64 import b64encode
from imaplib import IMAP4

import pytest

from agentkit.effects import Effect, Findable
from agentkit.errors import ToolFailed
from tests.tools.email.conftest import ALICE, BOB, imap, marking, someone_flags

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("dovecot")]
LOST = (IMAP4.abort, OSError)
DRAFT = {"to": [BOB], "subject": "Your trip", "body": "Hello\n.\nBye\n"}


def drafts(house, message_id) -> list:
    return [mail for mail in house.mails(ALICE)["Drafts"] if mail.message_id == message_id]


def undo(email, ctx, before, result):
    return email.draft.undo.inverse(Effect(ctx.key, DRAFT, result, before)).arguments


async def test_a_draft_is_written_and_removed_for_good(house, email, context, call):
    before, marks, ctx = house.mails(ALICE), [], context()
    file = {"name": "a.txt", "content_type": "text/plain", "content_base64": b64encode(b"hi").decode()}
    drafted = await call(email.draft, marking(ctx, marks), **DRAFT, attachments=[file])
    (written,) = drafts(house, drafted.message_id)
    assert written.flags == ("\\Draft", "\\Seen")
    assert [part.get_filename() for part in written.message.iter_attachments()] == ["a.txt"]
    gone = await call(email.discard_draft, context(2), **undo(email, ctx, marks[0], drafted))
    assert gone.removed
    assert house.mails(ALICE) == before
    again = await call(email.discard_draft, context(3), **undo(email, ctx, marks[0], drafted))
    assert not again.removed


async def test_nothing_goes_out(house, email, context, call):
    before = house.mails(BOB)
    await call(email.draft, context(), **DRAFT)
    assert house.mails(BOB) == before


@pytest.mark.parametrize(("how", "count"), [("lost_command", 0), ("lost_answer", 1)])
async def test_a_lost_answer_is_settled_by_the_probe(house, cut, relay, context, call, how, count):
    ctx, marks = context(), []
    relay.lose("APPEND", how)
    with pytest.raises(LOST):
        await call(cut.draft, marking(ctx, marks), **DRAFT)
    assert relay.taken == 1
    assert isinstance(cut.draft.repeat, Findable)  # a person may have sent or deleted it
    found = await cut.draft.repeat.probe(ctx, **DRAFT)
    assert bool(found) == bool(count)
    drafted = await call(cut.draft, marking(context(attempt=2), marks), **DRAFT)
    assert found in (None, drafted)
    assert len(drafts(house, drafted.message_id)) == 1


@pytest.mark.parametrize("how", ["lost_command", "lost_answer"])
async def test_without_any_answer_it_is_removed_too(house, cut, relay, context, call, how):
    ctx, marks, before = context(), [], house.mails(ALICE)
    relay.lose("APPEND", how)
    with pytest.raises(LOST):
        await call(cut.draft, marking(ctx, marks), **DRAFT)
    await call(cut.discard_draft, context(2), **undo(cut, ctx, marks[0], None))
    assert house.mails(ALICE) == before


@pytest.mark.parametrize("command", ["UID STORE", "UID EXPUNGE"])
@pytest.mark.parametrize("how", ["lost_command", "lost_answer"])
async def test_the_removal_goes_on_where_it_was_broken_off(house, cut, relay, context, call, how, command):
    ctx, marks, before = context(), [], house.mails(ALICE)
    drafted = await call(cut.draft, marking(ctx, marks), **DRAFT)
    relay.lose(command, how)
    with pytest.raises(LOST):
        await call(cut.discard_draft, context(2), **undo(cut, ctx, marks[0], drafted))
    await call(cut.discard_draft, context(2, attempt=2), **undo(cut, ctx, marks[0], drafted))
    assert house.mails(ALICE) == before


async def test_a_draft_that_arrives_late_is_seen_by_the_probe_before_anybody_writes_again(
    house, cut, relay, context, call
):
    ctx = context()
    relay.lose("APPEND", "late", seconds=0.5)
    with pytest.raises(LOST):
        await call(cut.draft, ctx, **DRAFT)
    assert await cut.draft.repeat.probe(ctx, **DRAFT) is None
    await relay.settled()
    found = await cut.draft.repeat.probe(ctx, **DRAFT)
    assert len(drafts(house, found.message_id)) == 1


async def test_a_draft_that_somebody_has_edited_stays(house, email, context, call):
    ctx, marks = context(), []
    drafted = await call(email.draft, marking(ctx, marks), **DRAFT)
    (written,) = drafts(house, drafted.message_id)
    with imap(house) as box:
        box.folder.set("Drafts")
        box.delete(drafted.uid.partition("-")[2])
        box.append(written.content.replace(b"Bye", b"See you"), "Drafts", flag_set=["\\Draft"])
    for result in (drafted, None):
        with pytest.raises(ToolFailed, match="somebody has changed"):
            await call(email.discard_draft, context(2), **undo(email, ctx, marks[0], result))
    (kept,) = drafts(house, drafted.message_id)
    assert b"See you" in kept.content


async def test_a_draft_that_somebody_has_flagged_stays(house, email, context, call):
    ctx, marks = context(), []
    drafted = await call(email.draft, marking(ctx, marks), **DRAFT)
    someone_flags(house, drafted.uid, "\\Flagged", folder="Drafts")
    with pytest.raises(ToolFailed, match="somebody has changed"):
        await call(email.discard_draft, context(2), **undo(email, ctx, marks[0], drafted))
    assert len(drafts(house, drafted.message_id)) == 1


async def test_other_mails_that_are_marked_as_deleted_are_left_alone(house, email, context, call):
    ctx, marks = context(), []
    other = await call(email.draft, context(5), **DRAFT)
    someone_flags(house, other.uid, "\\Deleted", folder="Drafts")
    drafted = await call(email.draft, marking(ctx, marks), **DRAFT)
    await call(email.discard_draft, context(2), **undo(email, ctx, marks[0], drafted))
    assert len(drafts(house, other.message_id)) == 1
