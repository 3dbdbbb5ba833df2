"""Answers: to those who take part, in their conversation."""

import pytest

from agentkit.errors import ToolFailed
from tests.tools.email.conftest import ALICE, BOB, CAROL

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("dovecot")]


def received(house, user, sent):
    return next(mail.message for mail in house.mails(user)["INBOX"] if mail.message_id == sent.message_id)


async def test_an_answer_joins_the_conversation(house, email, context, call, arrives, handle):
    question = arrives("Friday?", References="<first@example.org> <second@example.org>", Cc=CAROL)
    sent = await call(email.reply, context(), uid=await handle(question), to=[BOB], cc=[CAROL], body="Yes.\n")
    mail = received(house, CAROL, sent)
    assert (mail["Subject"], mail["In-Reply-To"]) == ("Re: Friday?", question)
    assert str(mail["References"]).split() == ["<first@example.org>", "<second@example.org>", question]
    assert sent.accepted == [BOB, CAROL]


async def test_an_answered_mail_is_listed_as_answered(email, context, call, arrives, handle):
    question = arrives("Re: Saturday?")
    await call(email.reply, context(), uid=await handle(question), to=[BOB], body="Yes.\n")
    listed = await call(email.search, context(), limit=50)
    assert {mail.message_id: mail.answered for mail in listed}[question]


async def test_the_subject_is_not_prefixed_twice_and_cannot_smuggle_a_header(
    house, email, context, call, arrives, handle
):
    question = arrives("=?utf-8?q?RE=3A_a=0D=0ABcc=3A_eve=40example=2Eorg?=")
    sent = await call(email.reply, context(), uid=await handle(question), to=[BOB], body="Yes.\n")
    mail = received(house, BOB, sent)
    assert mail["Bcc"] is None
    assert str(mail["Subject"]).startswith("RE: a")


async def test_a_very_long_conversation_keeps_its_beginning_and_its_end(house, email, context, call, arrives, handle):
    ids = [f"<{number}@example.org>" for number in range(50)]
    question = arrives("Long", References=" ".join(ids))
    sent = await call(email.reply, context(), uid=await handle(question), to=[BOB], body="Yes.\n")
    named = str(received(house, BOB, sent)["References"]).split()
    assert (len(named), named[0], named[-2:]) == (20, ids[0], [ids[-1], question])


async def test_the_reply_address_may_be_written_to(email, context, call, arrives, handle):
    question = arrives(**{"Reply-To": CAROL})
    sent = await call(email.reply, context(), uid=await handle(question), to=[CAROL], body="Yes.\n")
    assert sent.accepted == [CAROL]


async def test_a_stranger_is_not_answered(house, email, context, call, arrives, handle):
    before = house.mails(CAROL)
    uid = await handle(arrives())
    with pytest.raises(ToolFailed, match="is not in the mail that is answered"):
        await call(email.reply, context(), uid=uid, to=[BOB, CAROL], body="Yes.\n")
    with pytest.raises(ToolFailed, match="is not in the mail"):
        await call(email.reply, context(), uid=uid, to=[BOB], cc=[CAROL], body="Yes.\n")
    assert house.mails(CAROL) == before


async def test_a_mail_that_is_not_there_is_not_answered(email, context, call, arrives, handle):
    uid = await handle(arrives())
    await call(email.move, context(2), uid=uid, to_folder="Archive")
    with pytest.raises(ToolFailed, match="no mail with the uid"):
        await call(email.reply, context(), uid=uid, to=[BOB], body="Yes.\n")


async def test_the_same_answer_is_found_by_its_probe(email, context, call, arrives, handle):
    arguments = {"uid": await handle(arrives()), "to": [BOB], "body": "Yes.\n"}
    assert await email.reply.repeat.probe(context(), **arguments) is None
    sent = await call(email.reply, context(), **arguments)
    assert await email.reply.repeat.probe(context(), **arguments) == sent
    assert ALICE not in sent.accepted


async def test_a_stranger_does_not_make_a_mail_answered(house, email, context, call, arrives, handle):
    question = arrives("Sunday?")
    ours = f"<ak.{'a' * 24}@example.test>"
    known = {"X-Agentkit-Action": "a-1", "In-Reply-To": question}
    arrives("Forged", From=f'"{ALICE}" <{BOB}>', **{**known, "Message-ID": ours})
    arrives("Forged", From=ALICE, **known)
    arrives("Forged", From=ALICE, **{**known, "Message-ID": ours, "In-Reply-To": f"{question} <more@example.org>"})
    listed = await call(email.search, context(), limit=50)
    assert not {mail.message_id: mail.answered for mail in listed}[question]
