"""A letter: one plain-text mail, whose bytes are the same at every attempt."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import HeaderRegistry, MessageIDHeader
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, cast

from agentkit.errors import ToolFailed
from agentkit.tool import ToolContext

ACTION = "X-Agentkit-Action"
REFUSED = "X-Agentkit-Refused"
MAX_BODY = 500_000
MESSAGE_ID = re.compile(r"<[^<>\s\x00-\x1f\x7f-\uffff]{1,900}>")


@dataclass(frozen=True)
class Letter:
    """Everything a mail says; the envelope is somebody else's matter."""

    sender: str
    to: tuple[str, ...]
    subject: str
    body: str
    in_reply_to: str | None
    message_id: str
    action: str
    date: datetime

    def as_bytes(self, refused: Sequence[str] = ()) -> bytes:
        """The mail with CRLF line ends, ASCII only.

        Args:
            refused: recipients the server has refused, so that the copy tells later whom it did not go to: by
                their place in `to`, which every recipient sees anyway.
        """
        mail = EmailMessage(policy=_policy())
        mail["From"] = self.sender
        mail["To"] = ", ".join(self.to)
        mail["Subject"] = self.subject
        mail["Date"] = format_datetime(self.date)
        mail["Message-ID"] = self.message_id
        mail[ACTION] = self.action
        if self.in_reply_to:
            mail["In-Reply-To"] = self.in_reply_to
            mail["References"] = self.in_reply_to
        if refused:
            mail[REFUSED] = " ".join(str(self.to.index(each)) for each in refused)
        mail.set_content(self.body)
        return mail.as_bytes()


def compose(
    ctx: ToolContext, sender: str, to: Sequence[str], subject: str, body: str, in_reply_to: str | None
) -> Letter:
    """Write the letter of an action.

    Raises:
        ToolFailed: no recipient, a subject of more than one line, too long a body, or a strange message id.
    """
    if not to:
        raise ToolFailed("there is no recipient: give at least one address in `to`")
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in subject):
        raise ToolFailed("the subject must be one line without control characters")
    if (size := len(body.encode(errors="replace"))) > MAX_BODY:
        raise ToolFailed(f"the body has {size} bytes; at most {MAX_BODY} can be sent")
    if in_reply_to is not None and not MESSAGE_ID.fullmatch(in_reply_to):
        raise ToolFailed(f"in_reply_to must be a message id such as <id@example.org>, not {in_reply_to!r}")
    return Letter(
        sender=sender,
        to=tuple(dict.fromkeys(to)),
        subject=subject,
        # One kind of line end: a lone CR or LF could pass for the end of the mail at a careless server.
        body=re.sub(r"\r\n?", "\n", body),
        in_reply_to=in_reply_to,
        message_id=message_id(ctx.key, sender),
        action=ctx.action,
        date=ctx.started_at,
    )


def message_id(key: str, sender: str) -> str:
    """Made from the idempotency key, so that every attempt carries the same; short enough for one line."""
    return f"<ak.{key[:24]}@{sender.rpartition('@')[2]}>"


def refused_of(header: str, to: Sequence[str]) -> list[str]:
    """Read back from a copy which recipients the server had refused."""
    recipients = list(dict.fromkeys(to))
    places = [int(place) for place in header.split() if place.isdecimal()]
    return [recipients[place] for place in places if place < len(recipients)]


def _policy() -> "policy.EmailPolicy[EmailMessage]":
    """Seven-bit content for any server, lines below 78, and message ids never folded into encoded words."""
    headers = HeaderRegistry()
    for name in ("in-reply-to", "references"):
        cast("Any", headers).map_to_type(name, MessageIDHeader)
    return policy.SMTP.clone(cte_type="7bit", header_factory=headers)
