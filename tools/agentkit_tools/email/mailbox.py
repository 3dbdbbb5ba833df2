"""The desk's mailbox over IMAP: listing, reading, and finding a mail we sent. Nothing here changes a flag."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from itertools import islice
from typing import Any

from imap_tools import AND, BaseMailBox, Header, MailMessage

from agentkit.errors import ToolFailed
from agentkit_tools.email.account import MailAccount
from agentkit_tools.email.connection import connected, nothing_changed, select
from agentkit_tools.email.letter import ACTION, KEY, is_ours
from agentkit_tools.email.mail import Mail, MailSummary, mail_of, summary_of
from agentkit_tools.email.place import Place
from agentkit_tools.email.reading import UNREADABLE, header_of, sender_of

INBOX = "INBOX"
LOOK_BACK = 200
"""How many matching mails, newest first, a listing looks at before it filters them itself."""


class Mailbox:
    """Opens a connection for each question and closes it again. Its calls block."""

    def __init__(self, account: MailAccount) -> None:
        self._account = account

    def search(
        self,
        folder: str,
        *,
        text: str | None,
        sender: str | None,
        since: date | None,
        unseen_only: bool,
        unanswered_only: bool,
        own_copies: bool,
        limit: int,
    ) -> list[MailSummary]:
        """List mails, newest first."""
        wanted: dict[str, Any] = {"text": text, "from_": sender, "date_gte": since}
        if unseen_only:
            wanted["seen"] = False
        with self._reading(folder) as (box, validity):
            messages = list(_newest(box, wanted))
            theirs = [each for each in messages if own_copies or not self._wrote(each)]
            summaries = [summary_of(each, folder, validity) for each in theirs]
            _look_into(box, INBOX)
            known = (self._with_our_answers(summary, box) for summary in summaries)
            return list(islice((each for each in known if not (unanswered_only and each.answered)), limit))

    def read(self, folder: str, uid: str) -> Mail:
        """One whole mail."""
        with self._reading(folder) as (box, validity):
            return mail_of(_one(box, folder, uid, validity), folder, validity)

    def message(self, folder: str, uid: str) -> MailMessage:
        """The headers of one mail."""
        with self._reading(folder) as (box, validity):
            return _one(box, folder, uid, validity, headers_only=True)

    def find_sent(self, mark: str, message_id: str) -> MailMessage | None:
        """The desk's own copy of what an action sent, wherever people or their filters have moved it."""
        with connected(self._account) as box:
            _look_into(box, INBOX)
            if (found := _sent_in(box, mark, message_id)) is not None:
                return found
            for folder in _others(box):
                _look_into(box, folder)
                if (found := _sent_in(box, mark, message_id)) is not None:
                    return found
        return None

    def _with_our_answers(self, summary: MailSummary, inbox: BaseMailBox) -> MailSummary:
        """Sending an answer sets no flag on the mail it answers, but our copy of it names that mail."""
        if summary.answered or not summary.message_id or not _plain(summary.message_id):
            return summary
        answers = AND(header=Header("In-Reply-To", summary.message_id), from_=self._account.address)
        ours = any(self._answers(each, summary.message_id) for each in _headers(inbox, answers, limit=LOOK_BACK))
        return summary.model_copy(update={"answered": ours})

    def _answers(self, message: MailMessage, message_id: str) -> bool:
        """The search finds words within words, also within a stranger's; only an answer of our own counts."""
        own = is_ours(header_of(message, "Message-ID"), self._account.address)
        return own and self._wrote(message) and header_of(message, "In-Reply-To") == message_id

    def _wrote(self, message: MailMessage) -> bool:
        return header_of(message, ACTION) != "" and sender_of(message).lower() == self._account.address.lower()

    @contextmanager
    def _reading(self, folder: str) -> Generator[tuple[BaseMailBox, int]]:
        """For reads: whatever goes wrong, nothing has happened. Yields the folder's UIDVALIDITY, too."""
        with nothing_changed("the mail could not be read"), connected(self._account) as box:
            yield box, _look_into(box, folder)


def _look_into(box: BaseMailBox, folder: str) -> int:
    """Select a folder without any right to change it. Returns its UIDVALIDITY."""
    return select(box, folder, readonly=True)


def _sent_in(box: BaseMailBox, mark: str, message_id: str) -> MailMessage | None:
    """Some providers change message ids: the key's mark first."""
    for header in (Header(KEY, mark), Header("Message-ID", message_id)):
        for message in _headers(box, AND(header=header), limit=1):
            return message
    return None


def _others(box: BaseMailBox) -> list[str]:
    """Every folder but the inbox that mails can lie in, first those where they are put away."""
    folders = [each for each in box.folder.list() if not {"\\noselect", "\\nonexistent"} & _small(each.flags)]
    folders.sort(key=lambda each: not {"\\archive", "\\trash", "\\junk", "\\all"} & _small(each.flags))
    return [each.name for each in folders if each.name.upper() != INBOX]


def _small(flags: Iterable[str]) -> set[str]:
    return {each.lower() for each in flags}


def _one(box: BaseMailBox, folder: str, uid: str, validity: int, *, headers_only: bool = False) -> MailMessage:
    place = Place.of(uid, folder)
    place.check(validity, folder)
    try:
        for message in box.fetch(AND(uid=str(place.uid)), mark_seen=False, headers_only=headers_only):
            return message
    except UNREADABLE as error:
        if isinstance(error, UnicodeError):  # the connection's
            raise
        raise ToolFailed(f"the mail {uid} is not built as mails are; look at it in a mail program") from error
    raise ToolFailed(f"there is no mail with the uid {uid!r} in {folder}; email.search lists the uids")


def _newest(box: BaseMailBox, wanted: dict[str, Any]) -> Iterator[MailMessage]:
    given = {name: value for name, value in wanted.items() if value is not None}
    for name in ("text", "from_"):
        if not _plain(given.get(name, "")):
            raise ToolFailed("what is searched for must be one line without control characters")
    return _headers(box, AND(all=True, **given), limit=LOOK_BACK)


def _headers(box: BaseMailBox, criteria: AND, limit: int) -> Iterator[MailMessage]:
    return box.fetch(
        criteria,
        _charset(criteria),
        limit=limit,
        mark_seen=False,
        headers_only=True,
        reverse=True,
        bulk=50,
    )


def _charset(criteria: AND) -> str:
    return "US-ASCII" if str(criteria).isascii() else "UTF-8"


def _plain(text: str) -> bool:
    """Whether it can stand in an IMAP command, which ends with its line."""
    return text.isprintable()
