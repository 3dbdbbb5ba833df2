"""A letter: its bytes, and what cannot be written."""

from base64 import b64encode
from dataclasses import replace
from email import message_from_bytes, policy
from typing import Any

import pytest

from agentkit.errors import ToolFailed
from agentkit.tool import ToolContext
from agentkit_tools.email.attachment import MAX_ATTACHED, AttachmentFile, enclosed
from agentkit_tools.email.letter import MAX_BODY, Letter, Words, compose, refused_of

LONG_ID = f"<{'A' * 60}@{'b' * 30}.prod.example.com>"


def write(ctx: ToolContext, **changes: Any) -> Letter:
    given: dict[str, Any] = {
        "to": ["ann@example.org"],
        "subject": "Your trip",
        "body": "Hello Ann,\nall is booked.\n",
    }
    return compose(ctx, "desk@example.org", Words(**{**given, **changes}))


def test_every_attempt_writes_the_same_bytes(context):
    assert write(context()).as_bytes() == write(context(attempt=2)).as_bytes()


def test_another_action_writes_other_bytes(context):
    assert write(context(1)).message_id != write(context(2)).message_id


def test_the_headers_name_the_key_the_action_and_the_first_attempt(context):
    ctx = context()
    mail = message_from_bytes(write(ctx).as_bytes(), policy=policy.default)
    assert mail["Message-ID"] == f"<ak.{ctx.key[:24]}@example.org>"
    assert mail["X-Agentkit-Action"] == ctx.action
    assert mail["X-Agentkit-Key"] == ctx.key[:24]
    assert mail["Date"].datetime == ctx.started_at


def test_header_lines_stay_below_78_characters(context):
    many = [f"somebody.{number}@example.org" for number in range(40)]
    header, _, _ = write(context(), to=many, subject="Grüße " * 60).as_bytes().partition(b"\r\n\r\n")
    assert max(map(len, header.split(b"\r\n"))) < 78


def test_a_long_message_id_is_never_folded_into_encoded_words(context):
    content = write(context(), in_reply_to=LONG_ID).as_bytes()
    assert f"In-Reply-To: {LONG_ID}\r\n".encode() in content
    assert f"References: {LONG_ID}\r\n".encode() in content


@pytest.mark.parametrize("body", ["one\r.\rtwo", "one\n.\ntwo", "é\r\n.\r\nü\rx", "x" * 2000, "a\u2028b", ""])
def test_the_bytes_are_ascii_with_crlf_alone(context, body):
    content = write(context(), body=body).as_bytes()
    assert content.isascii()
    assert content.replace(b"\r\n", b"").count(b"\r") == content.replace(b"\r\n", b"").count(b"\n") == 0
    assert content.endswith(b"\r\n")


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\u2028", "\x0b", "\x00"])
def test_a_subject_cannot_smuggle_a_header(context, break_):
    with pytest.raises(ToolFailed, match="one line"):
        write(context(), subject=f"Hello{break_}Bcc: eve@example.org")


ENCODED = "=?utf-8?q?hi=0D=0AReply-To:_eve=40example.org=0D=0A=0D=0ABody?="


def test_a_subject_that_decodes_into_a_header_is_refused(context):
    with pytest.raises(ToolFailed, match="decode"):
        write(context(), subject=ENCODED)


def test_whatever_reads_back_as_another_mail_is_not_written(context):
    letter = write(context())
    for changed in (replace(letter, subject=ENCODED), replace(letter, to=("=?utf-8?q?eve?=@example.org",))):
        with pytest.raises(ToolFailed, match="another mail"):
            changed.as_bytes()
    with pytest.raises(ToolFailed, match="message id"):
        write(context(), in_reply_to=f"<{ENCODED}@example.org>")


@pytest.mark.parametrize(
    "subject", ["a=b? -- é", "Grüße " * 40, "你好 🙂 " * 30, ' "x" <y@z> \\ = ?', "x" * 300, "é" + "x" * 90]
)
def test_a_plain_subject_is_written_whatever_is_in_it(context, subject):
    mail = message_from_bytes(write(context(), subject=subject).as_bytes(), policy=policy.default)
    assert "".join(str(mail["Subject"]).split()) == "".join(subject.split())


def test_a_reply_cannot_smuggle_a_header(context):
    with pytest.raises(ToolFailed, match="message id"):
        write(context(), in_reply_to="<a@b>\r\nBcc: eve@example.org")


def test_no_recipient_is_a_failure(context):
    with pytest.raises(ToolFailed, match="no recipient"):
        write(context(), to=[])


def test_too_large_a_body_is_a_failure(context):
    with pytest.raises(ToolFailed, match="at most"):
        write(context(), body="é" * MAX_BODY)


def test_a_recipient_named_twice_gets_one_mail(context):
    assert write(context(), to=["ann@example.org", "ann@example.org"]).to == ("ann@example.org",)


def test_the_copy_remembers_who_was_refused(context):
    to = ["a@example.org", "b@example.org", "c@example.org"]
    letter = write(context(), to=to)
    mail = message_from_bytes(letter.as_bytes(["b@example.org"]), policy=policy.default)
    assert refused_of(str(mail["X-Agentkit-Refused"]), to) == ["b@example.org"]


def file(name: str = "ticket.pdf", content: bytes = b"%PDF", **changes: Any) -> AttachmentFile:
    given = {"name": name, "content_type": "application/pdf", "content_base64": b64encode(content).decode()}
    return AttachmentFile.model_validate({**given, **changes})


def test_a_blind_copy_is_in_the_envelope_and_nowhere_in_the_mail(context):
    letter = write(context(), cc=["bob@example.org"], bcc=["eve@example.org", "ann@example.org"])
    assert letter.recipients == ("ann@example.org", "bob@example.org", "eve@example.org")
    assert b"eve@example.org" not in letter.as_bytes()
    assert b"Cc: bob@example.org\r\n" in letter.as_bytes()


def test_the_conversation_is_named_one_id_on_a_line(context):
    ids = [LONG_ID, "<b@example.org>"]
    content = write(context(), in_reply_to="<b@example.org>", references=ids).as_bytes()
    assert f"References: {LONG_ID}\r\n <b@example.org>\r\n".encode() in content


def test_attachments_are_the_same_bytes_at_every_attempt(context):
    files = enclosed([file(), file("Fahrschein für März.txt", b"gr\xfc\xdfe\n.\n", content_type="text/plain")])
    first, again = (write(context(attempt=number), enclosures=files).as_bytes() for number in (1, 2))
    assert first == again
    assert first.isascii()
    mail = message_from_bytes(first, policy=policy.default)
    read = [
        (part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
        for part in mail.iter_attachments()
    ]
    assert read == [
        ("ticket.pdf", "application/pdf", b"%PDF"),
        ("Fahrschein für März.txt", "text/plain", b"gr\xfc\xdfe\n.\n"),
    ]


@pytest.mark.parametrize("name", ["../ticket.pdf", "a/b", "c:\\x", "..", " ", "."])
def test_the_name_of_an_attachment_is_not_a_path(name):
    with pytest.raises(ToolFailed, match="is a path"):
        enclosed([file(name)])


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\x00", "\u202e", "\u2028"])
def test_the_name_of_an_attachment_cannot_smuggle_anything(break_):
    with pytest.raises(ToolFailed, match="control characters"):
        enclosed([file(f"a{break_}Bcc: eve@example.org")])


def test_the_name_of_an_attachment_decodes_into_nothing():
    with pytest.raises(ToolFailed, match="decode"):
        enclosed([file("=?utf-8?q?a=0D=0AX=3A_y?=")])


@pytest.mark.parametrize(
    "type_", ["pdf", "multipart/mixed", "message/rfc822", "text/plain\r\nX: y", "text/plain; charset=x"]
)
def test_the_type_of_an_attachment_is_a_plain_type(type_):
    with pytest.raises(ToolFailed, match="content type"):
        enclosed([file(content_type=type_)])


@pytest.mark.parametrize("text", ["%%%", "YQ", "YQ==\n", "é"])
def test_what_is_not_base64_is_not_sent(text):
    with pytest.raises(ToolFailed, match="not base64"):
        enclosed([file(content_base64=text)])


def test_too_large_or_ambiguous_attachments_are_a_failure():
    with pytest.raises(ToolFailed, match="at most"):
        enclosed([file("a", b"x" * MAX_ATTACHED), file("b", b"x")])
    with pytest.raises(ToolFailed, match="same name"):
        enclosed([file(), file()])


def test_too_many_recipients_are_a_failure(context):
    with pytest.raises(ToolFailed, match="101 recipients"):
        write(context(), to=[f"a{number}@example.org" for number in range(101)])
