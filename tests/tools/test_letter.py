"""A letter: its bytes, and what cannot be written."""

from email import message_from_bytes, policy

import pytest

from agentkit.errors import ToolFailed
from agentkit.tool import ToolContext
from agentkit_tools.email.letter import MAX_BODY, Letter, compose, refused_of

LONG_ID = f"<{'A' * 60}@{'b' * 30}.prod.example.com>"


def write(ctx: ToolContext, **changes: object) -> Letter:
    given: dict[str, object] = {
        "sender": "desk@example.org",
        "to": ["ann@example.org"],
        "subject": "Your trip",
        "body": "Hello Ann,\nall is booked.\n",
        "in_reply_to": None,
    }
    return compose(ctx, **{**given, **changes})  # type: ignore[arg-type]


def test_every_attempt_writes_the_same_bytes(context):
    assert write(context()).as_bytes() == write(context(attempt=2)).as_bytes()


def test_another_action_writes_other_bytes(context):
    assert write(context(1)).message_id != write(context(2)).message_id


def test_the_headers_name_the_key_the_action_and_the_first_attempt(context):
    ctx = context()
    mail = message_from_bytes(write(ctx).as_bytes(), policy=policy.default)
    assert mail["Message-ID"] == f"<ak.{ctx.key[:24]}@example.org>"
    assert mail["X-Agentkit-Action"] == ctx.action
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
