"""Mails that are not built as mails are: each field is read as far as it can be, and the listing goes on."""

import pytest
from imap_tools import MailMessage

from agentkit_tools.email.mail import mail_of, summary_of

HOSTILE = [
    b"Date: Mon, 1 Jan 2024 00:00:00 +" + b"9" * 20,
    b"From: " + b"(" * 990,
    b"Reply-To: " + b"(" * 990 + b"\nTo: " + b"(" * 990,
    b"Subject: =?utf-8?b?A?=",
    b"Subject: =?idna?q?=E4=F6..a?=",
    b"Subject: =?undefined?q?a?=",
    b"Subject: =?utf-7?q?+2AA-?=",
    b"From: =?utf-7?q?+2AA-?= <a@b.org>",
    b"Content-Type: text/plain; charset=idna",
    b"Content-Type: text/plain; charset=undefined",
    b'Content-Type: text/plain; charset="a\x00b"',
    b"Content-Type: text/plain; charset=utf-7",
    b"Content-Type: text/plain; name*=idna''%e4..x",
    b"Content-Disposition: attachment; filename*=undefined''x",
    b"Subject: \xff\xfe\nMessage-ID: \xff",
]


@pytest.mark.parametrize("header", HOSTILE)
def test_no_mail_spoils_a_listing(header):
    message = MailMessage.from_bytes(header + b"\nCc: ann@example.org\n\nwords +2AA- \xe4\n")
    summary, mail = summary_of(message, "INBOX", 1), mail_of(message, "INBOX", 1)
    assert summary.model_dump_json()
    assert mail.model_dump_json()
    assert mail.cc == ["ann@example.org"]


@pytest.mark.parametrize("charset", ["idna", "undefined", "no-such", "utf-8"])
def test_words_in_a_charset_that_is_none_are_read_nevertheless(charset):
    message = MailMessage.from_bytes(f"Content-Type: text/plain; charset={charset}\n\nGr\u00fc\u00dfe\n".encode())
    assert mail_of(message, "INBOX", 1).text == "Gr\u00fc\u00dfe\n"
