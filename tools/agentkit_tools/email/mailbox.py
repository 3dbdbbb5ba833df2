"""The desk's mailbox over IMAP: listing, reading, and finding a mail we sent. Nothing here changes a flag."""

import ssl
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import date
from imaplib import IMAP4
from itertools import islice
from typing import Any

from imap_tools import (
    AND,
    BaseMailBox,
    Header,
    ImapToolsError,
    MailBox,
    MailboxFolderSelectError,
    MailBoxStartTls,
    MailBoxUnencrypted,
    MailMessage,
)

from agentkit.errors import ToolFailed
from agentkit_tools.email.account import MailAccount
from agentkit_tools.email.letter import ACTION
from agentkit_tools.email.mail import Mail, MailSummary, header_of, mail_of, summary_of

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
        with self._reading(folder) as box:
            messages = list(_newest(box, wanted))
            summaries = [summary_of(each, folder) for each in messages if own_copies or not self._wrote(each)]
            _look_into(box, INBOX)
            known = (self._with_our_answers(summary, box) for summary in summaries)
            return list(islice((each for each in known if not (unanswered_only and each.answered)), limit))

    def read(self, folder: str, uid: str) -> Mail:
        """One whole mail."""
        with self._reading(folder) as box:
            for message in box.fetch(AND(uid=uid), mark_seen=False) if uid.isdecimal() else ():
                return mail_of(message, folder)
        raise ToolFailed(f"there is no mail with the uid {uid!r} in {folder}; email.search lists the uids")

    def find_sent(self, action: str, message_id: str) -> MailMessage | None:
        """The desk's own copy of what an action sent. Some providers change message ids: the action first."""
        with self._open(INBOX) as box:
            for header in (Header(ACTION, action), Header("Message-ID", message_id)):
                for message in _headers(box, AND(header=header), limit=1):
                    return message
        return None

    def _with_our_answers(self, summary: MailSummary, inbox: BaseMailBox) -> MailSummary:
        """Sending an answer sets no flag on the mail it answers, but our copy of it names that mail."""
        if summary.answered or not summary.message_id or not _plain(summary.message_id):
            return summary
        answer = AND(header=Header("In-Reply-To", summary.message_id), from_=self._account.address)
        return summary.model_copy(update={"answered": bool(inbox.uids(answer, _charset(answer)))})

    def _wrote(self, message: MailMessage) -> bool:
        return header_of(message, ACTION) != "" and message.from_.lower() == self._account.address.lower()

    @contextmanager
    def _reading(self, folder: str) -> Generator[BaseMailBox]:
        """For reads: whatever goes wrong, nothing has happened."""
        try:
            with self._open(folder) as box:
                yield box
        except MailboxFolderSelectError:
            raise ToolFailed(f"there is no folder {folder!r}; the inbox is {INBOX!r}") from None
        except (OSError, IMAP4.error, ImapToolsError, UnicodeError) as error:
            raise ToolFailed(f"the mail could not be read: {error}") from error

    @contextmanager
    def _open(self, folder: str) -> Generator[BaseMailBox]:
        account = self._account
        with self._connect() as box:
            box.login(account.user, account.password.get_secret_value(), None)
            _look_into(box, folder)
            yield box

    def _connect(self) -> BaseMailBox:
        host, port, seconds = self._account.imap_host, self._account.imap_port, self._account.timeout
        if self._account.reading_security == "none":
            return MailBoxUnencrypted(host, port, timeout=seconds)
        walls = ssl.create_default_context()
        if self._account.reading_security == "starttls":
            return MailBoxStartTls(host, port, timeout=seconds, ssl_context=walls)
        return MailBox(host, port, timeout=seconds, ssl_context=walls)


def _look_into(box: Any, folder: str) -> None:
    box.folder.set(folder, readonly=True)


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
