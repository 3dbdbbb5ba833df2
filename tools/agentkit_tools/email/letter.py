"""A letter: one mail, whose bytes are the same at every attempt, and its envelope."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.headerregistry import HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Annotated, Any, cast

from pydantic import AfterValidator

from agentkit.errors import ToolFailed
from agentkit.tool import ToolContext
from agentkit_tools.email.attachment import Enclosure

ACTION = "X-Agentkit-Action"
KEY = "X-Agentkit-Key"
REFUSED = "X-Agentkit-Refused"
MAX_BODY = 500_000
MAX_RECIPIENTS = 100
MESSAGE_ID = re.compile(r"<(?:(?!=\?)[^<>\s\x00-\x1f\x7f-\uffff]){1,900}>")
ENCODED = "=?"
"""The beginning of an encoded word (RFC 2047), which mail programs read as other words, line ends among them."""


@dataclass(frozen=True)
class Words:
    """What the caller says in a mail, and to whom."""

    to: Sequence[str]
    subject: str
    body: str
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()
    in_reply_to: str | None = None
    references: Sequence[str] = ()
    """The message ids of the conversation so far, the oldest first; without them, `in_reply_to` alone."""
    enclosures: Sequence[Enclosure] = ()


@dataclass(frozen=True)
class Letter:
    """Everything a mail says, and to whom it goes."""

    sender: str
    to: tuple[str, ...]
    subject: str
    body: str
    in_reply_to: str | None
    message_id: str
    action: str
    key: str
    """The beginning of the idempotency key: unlike the action's id, no other journal has the same."""
    date: datetime
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    """They get the mail, and no recipient sees that they do."""
    references: tuple[str, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()

    @property
    def seen(self) -> tuple[str, ...]:
        """The recipients that every recipient sees."""
        return tuple(dict.fromkeys((*self.to, *self.cc)))

    @property
    def recipients(self) -> tuple[str, ...]:
        """The envelope: everybody who gets it, once."""
        return tuple(dict.fromkeys((*self.to, *self.cc, *self.bcc)))

    def as_bytes(self, refused: Sequence[str] = ()) -> bytes:
        """The mail with CRLF line ends, ASCII only.

        Args:
            refused: recipients the server has refused, so that the copy tells later whom it did not go to: by
                their place among those that every recipient sees anyway.
        """
        mail = EmailMessage(policy=_policy())
        for name, value in self._headers():
            mail[name] = value
        if refused:
            mail[REFUSED] = " ".join(str(self.seen.index(each)) for each in refused)
        mail.set_content(self.body)
        for each in self.enclosures:
            mail.add_attachment(each.content, maintype=each.maintype, subtype=each.subtype, filename=each.name)
        if self.enclosures:
            # Made from the key, too: a random one would make other bytes at every attempt.
            mail.set_boundary(f"=_{self.message_id.strip('<>').partition('@')[0]}")
        content = mail.as_bytes()
        self._check_written(content, [*mail.keys()])
        return content

    def _check_written(self, content: bytes, names: list[str]) -> None:
        """Read it as a mail program does: it has to say what we have said, and nothing more."""
        mail: EmailMessage = message_from_bytes(content, policy=policy.default)
        said = [(name, value) for name, value in mail.items() if name in dict(self._headers())]
        files = [_letters(part.get_filename() or "") for part in mail.iter_attachments()] if self.enclosures else []
        if (
            [*mail.keys()] != names
            or [(name, _bare(value)) for name, value in said] != [(n, _bare(v)) for n, v in self._headers()]
            or files != [_letters(each.name) for each in self.enclosures]
        ):
            raise ToolFailed("a mail program would read another mail than was written; write plain words and names")

    def _headers(self) -> list[tuple[str, str]]:
        headers = [
            ("From", self.sender),
            ("To", ", ".join(self.to)),
            ("Cc", ", ".join(self.cc)),
            ("Subject", self.subject),
            ("Date", format_datetime(self.date)),
            ("Message-ID", self.message_id),
            (ACTION, self.action),
            (KEY, self.key),
            ("In-Reply-To", self.in_reply_to or ""),
            ("References", " ".join(self.references)),
        ]
        return [(name, value) for name, value in headers if value or name == "Subject"]


def compose(ctx: ToolContext, sender: str, words: Words) -> Letter:
    """Write the letter of an action.

    Raises:
        ToolFailed: no recipient or too many, a subject of more than one line, too long a body, or a strange message id.
    """
    _check(words)
    ids = [*words.references] or ([words.in_reply_to] if words.in_reply_to else [])
    return Letter(
        sender=sender,
        to=tuple(dict.fromkeys(words.to)),
        cc=tuple(dict.fromkeys(words.cc)),
        bcc=tuple(each for each in dict.fromkeys(words.bcc) if each not in (*words.to, *words.cc)),
        subject=words.subject,
        # One kind of line end: a lone CR or LF could pass for the end of the mail at a careless server.
        body=re.sub(r"\r\n?", "\n", words.body),
        in_reply_to=words.in_reply_to,
        references=tuple(ids),
        message_id=message_id(ctx.key, sender),
        action=ctx.action,
        key=mark_of(ctx.key),
        date=ctx.started_at,
        enclosures=tuple(words.enclosures),
    )


def message_id(key: str, sender: str) -> str:
    """Made from the idempotency key, so that every attempt carries the same; short enough for one line."""
    return f"<ak.{mark_of(key)}@{sender.rpartition('@')[2]}>"


def is_ours(message_id: str, sender: str) -> bool:
    """Whether it has the form of those that we make."""
    return re.fullmatch(rf"<ak\.[0-9a-f]{{24}}@{re.escape(sender.rpartition('@')[2])}>", message_id) is not None


def mark_of(key: str) -> str:
    """As much of an idempotency key as nobody guesses, and nobody can use for anything."""
    return key[:24]


def refused_of(header: str, seen: Sequence[str]) -> list[str]:
    """Read back from a copy which of the recipients that everybody sees the server had refused."""
    recipients = list(dict.fromkeys(seen))
    places = [int(place) for place in header.split() if place.isdecimal()]
    return [recipients[place] for place in places if place < len(recipients)]


def one_line(text: str) -> bool:
    """Whether it has no control characters, which could begin another header."""
    return not any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text)


def _problem_with(subject: str) -> str:
    if not one_line(subject):
        return "the subject must be one line without control characters"
    if ENCODED in subject:
        return f"the subject has {ENCODED!r} in it, and mail programs decode that into other words"
    return ""


def _fit(subject: str) -> str:
    if problem := _problem_with(subject):
        raise ValueError(problem)
    return subject


Subject = Annotated[str, AfterValidator(_fit)]
"""What would never be sent is refused when it is proposed, and neither approved nor held."""


def _check(words: Words) -> None:
    if not words.to:
        raise ToolFailed("there is no recipient: give at least one address in `to`")
    if (many := len({*words.to, *words.cc, *words.bcc})) > MAX_RECIPIENTS:
        raise ToolFailed(f"there are {many} recipients; at most {MAX_RECIPIENTS} get one mail")
    if problem := _problem_with(words.subject):
        raise ToolFailed(problem)
    if (size := len(words.body.encode(errors="replace"))) > MAX_BODY:
        raise ToolFailed(f"the body has {size} bytes; at most {MAX_BODY} can be sent")
    for each in (*words.references, *([words.in_reply_to] if words.in_reply_to is not None else [])):
        if not MESSAGE_ID.fullmatch(each):
            raise ToolFailed(f"in_reply_to must be a message id such as <id@example.org>, not {each!r}")


def _bare(value: str) -> str:
    """Without spaces: encoded words that follow each other lose those between them."""
    return "".join(str(value).split())


def _letters(name: str) -> str:
    """Of a file's name: brackets and quotation marks around it are lost on the way."""
    return re.sub(r"\W", "", name)


class _MessageIds(UnstructuredHeader):
    """Message ids, one on a line: never folded in their middle, nor into encoded words."""

    def fold(self, *, policy: Any) -> str:
        header: Any = self
        return f"{header.name}: " + f"{policy.linesep} ".join(str(header).split()) + policy.linesep


def _policy() -> "policy.EmailPolicy[EmailMessage]":
    """Seven-bit content for any server, and lines below 78 where they can be."""
    headers = HeaderRegistry()
    for name in ("in-reply-to", "references"):
        cast("Any", headers).map_to_type(name, _MessageIds)
    return policy.SMTP.clone(cte_type="7bit", header_factory=headers)
