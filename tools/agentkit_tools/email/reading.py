"""Reading the fields of a mail that an outsider wrote: what cannot be read is left empty, and never ends a listing."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.errors import MessageError
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from imap_tools import MailMessage

T = TypeVar("T")
UNREADABLE = (ValueError, OverflowError, LookupError, RecursionError, MessageError, TypeError, AttributeError)
"""What the library and the decoders raise for mails that are not built as mails are."""


def safely(read: Callable[[], T], otherwise: T) -> T:
    """What `read` reads, or something else where that is not possible."""
    try:
        return read()
    except UNREADABLE:
        return otherwise


def clean(text: str) -> str:
    """Without half characters, which nothing could write down again."""
    return text.encode(errors="replace").decode()


def header_of(message: MailMessage, name: str) -> str:
    """The first header of this name on one line, or nothing."""
    return clean(safely(lambda: " ".join(str(message.obj.get(name, "")).split()), ""))


def sender_of(message: MailMessage) -> str:
    """The sender's address."""
    return clean(safely(lambda: message.from_, ""))


def sender_name_of(message: MailMessage) -> str:
    """What the sender is called, as the sender says."""
    return clean(safely(lambda: message.from_values.name if message.from_values else "", ""))


def subject_of(message: MailMessage) -> str:
    """The subject; as it was sent, where it cannot be decoded."""
    return clean(safely(lambda: message.subject, header_of(message, "Subject")))


def reply_to_of(message: MailMessage) -> list[str]:
    """Where the sender wants answers."""
    return [clean(each) for each in safely(lambda: message.reply_to, ())]


def to_of(message: MailMessage) -> list[str]:
    """The recipients."""
    return [clean(each) for each in safely(lambda: message.to, ())]


def cc_of(message: MailMessage) -> list[str]:
    """Who gets a copy."""
    return [clean(each) for each in safely(lambda: message.cc, ())]


def date_of(message: MailMessage) -> datetime | None:
    """When it was written, as the sender says."""
    date = safely(lambda: parsedate_to_datetime(message.date_str), None)
    return date.replace(tzinfo=UTC) if date and not date.tzinfo else date


def text_of(message: MailMessage, kind: str) -> str:
    """The words of all parts of one kind, such as `text/plain`, that are no files."""
    parts: list[Message] = safely(lambda: list(message.obj.walk()), [])
    return "".join(_words(part) for part in parts if safely(lambda part=part: _is(part, kind), False))


def _is(part: Message, kind: str) -> bool:
    return part.get_content_type() == kind and not part.get_filename()


def _words(part: Message) -> str:
    content: Any = safely(lambda: part.get_payload(decode=True), b"")
    if not isinstance(content, bytes):
        return ""
    charset = safely(part.get_content_charset, None) or "utf-8"
    return clean(safely(lambda: content.decode(charset, "replace"), content.decode(errors="replace")))
