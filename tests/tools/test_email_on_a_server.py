"""Mail on real servers: reading changes nothing, and a mail that was sent can be found again."""

import smtplib
from datetime import date, timedelta
from email.message import EmailMessage

import pytest
from imap_tools import AND, MailBoxUnencrypted
from pydantic import SecretStr

from agentkit.effects import Findable
from agentkit.errors import ToolFailed
from agentkit_tools.email import Attachment, Email
from examples.trip_desk.evidence import effects

pytestmark = pytest.mark.servers


def letter(world, **changes):
    return {"to": [world.traveller.address], "subject": "Your trip", "body": "All is booked.\n", **changes}


def deliver(world, mail: EmailMessage) -> None:
    """Somebody outside writes to the desk."""
    where, who = world.addresses, world.traveller
    mail["From"], mail["To"] = f"{who.name} <{who.address}>", world.desk.address
    with smtplib.SMTP(where.smtp_host, where.smtp_port, local_hostname="localhost") as smtp:
        smtp.login(who.address, who.password)
        smtp.send_message(mail)


def flags(world) -> dict[str, tuple[str, ...]]:
    where, desk = world.addresses, world.desk
    with MailBoxUnencrypted(where.imap_host, where.imap_port).login(desk.address, desk.password) as box:
        return {str(mail.uid): mail.flags for mail in box.fetch(AND(seen=True), mark_seen=False)}


async def test_the_wish_is_listed_and_read_without_being_marked_as_seen(world, email, context, call):
    listed = await call(email.search, context(), sender=world.traveller.address)
    wish = next(each for each in listed if each.message_id == world.wish_message_id)
    mail = await call(email.read, context(), uid=wish.uid)
    assert world.wish.product_title in mail.text
    assert (mail.sender, mail.sender_name) == (world.traveller.address, world.traveller.name)
    assert mail.message_id == world.wish_message_id
    assert flags(world) == {}


async def test_a_mail_is_sent_once_and_found_by_the_probe(world, email, context, call):
    ctx = context()
    assert isinstance(email.send.repeat, Findable)
    assert await email.send.repeat.probe(ctx, **letter(world)) is None
    sent = await call(email.send, ctx, **letter(world))
    assert await email.send.repeat.probe(ctx, **letter(world)) == sent
    received = [mail for mail in effects(world).mails if mail.message_id == sent.message_id]
    assert [(mail.copies, mail.action) for mail in received] == [(1, ctx.action)]


async def test_a_lost_answer_is_in_doubt_and_the_probe_finds_the_mail(world, email, context, call):
    ctx = context()
    world.faults("mail").drop_after_effect()
    with pytest.raises(smtplib.SMTPServerDisconnected):
        await call(email.send, ctx, **letter(world))
    found = await email.send.repeat.probe(ctx, **letter(world))
    assert found.accepted == [world.traveller.address]


async def test_an_unknown_recipient_alone_is_a_failure(world, email, context, call):
    nobody = f"nobody@{world.desk.address.partition('@')[2]}"
    with pytest.raises(ToolFailed, match="no such user"):
        await call(email.send, context(), **letter(world, to=[nobody]))


async def test_a_wrong_password_is_a_failure_that_does_not_show_it(world, account, context, call):
    kit = Email(account.model_copy(update={"password": SecretStr("hunter2")}))
    with pytest.raises(ToolFailed, match="535") as error:
        await call(kit.send, context(), **letter(world))
    assert "hunter2" not in str(error.value)
    with pytest.raises(ToolFailed, match="could not be read"):
        await call(kit.search, context())


async def test_the_copies_of_what_the_desk_sent_are_left_out_unless_asked_for(world, email, context, call):
    sent = await call(email.send, context(), **letter(world))
    listed = await call(email.search, context(), limit=50)
    assert sent.message_id not in [mail.message_id for mail in listed]
    everything = await call(email.search, context(), own_copies=True, limit=50)
    assert sent.message_id in [mail.message_id for mail in everything]


async def test_a_mail_the_desk_has_answered_is_not_listed_as_unanswered(world, email, context, call):
    question = EmailMessage()
    question["Subject"], question["Message-ID"] = "A question", f"<q.{'x' * 80}@example.org>"
    question.set_content("When?")
    deliver(world, question)
    before = await call(email.search, context(1), unanswered_only=True)
    assert question["Message-ID"] in [mail.message_id for mail in before]
    await call(email.send, context(2), **letter(world, in_reply_to=question["Message-ID"]))
    after = await call(email.search, context(3), unanswered_only=True)
    assert question["Message-ID"] not in [mail.message_id for mail in after]
    listed = await call(email.search, context(3))
    assert {mail.message_id: mail.answered for mail in listed}[question["Message-ID"]] is True


async def test_a_search_narrows_by_words_day_and_number(world, email, context, call):
    for number in range(3):
        mail = EmailMessage()
        mail["Subject"] = f"Grüße {number}"
        mail.set_content("zebra")
        deliver(world, mail)
    assert len(await call(email.search, context(), text="zebra")) == 3
    assert len(await call(email.search, context(), text="zebra", limit=1)) == 1
    tomorrow = date.today() + timedelta(days=2)
    assert await call(email.search, context(), since=tomorrow) == []


@pytest.mark.parametrize("text", ['x" ALL', "x\r\nA1 LOGOUT", "\\"])
async def test_what_is_searched_for_cannot_become_a_command(world, email, context, call, text):
    if text.isprintable():
        assert await call(email.search, context(), text=text) == []
    else:
        with pytest.raises(ToolFailed, match="one line"):
            await call(email.search, context(), text=text)


async def test_html_is_read_as_words_and_attachments_by_name(world, email, context, call):
    mail = EmailMessage()
    mail["Subject"] = "A page"
    mail.set_content("<p>Hello <b>desk</b></p><script>steal()</script>", subtype="html")
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="../../ticket.pdf")
    deliver(world, mail)
    newest = (await call(email.search, context(), limit=1))[0]
    read = await call(email.read, context(), uid=newest.uid)
    assert read.text == "Hello desk"
    assert read.attachments == [Attachment(name="../../ticket.pdf", content_type="application/pdf", size=4)]
    assert "HTML" in read.note


async def test_what_is_not_there_is_named(email, context, call):
    with pytest.raises(ToolFailed, match=r"email\.search lists"):
        await call(email.read, context(), uid="99999")
    with pytest.raises(ToolFailed, match="no folder"):
        await call(email.search, context(), folder="Nowhere")
