"""A connection to the account's IMAP server, protected and logged in."""

import contextlib
from collections.abc import Generator
from contextlib import contextmanager
from imaplib import IMAP4
from typing import Any

from imap_tools import (
    BaseMailBox,
    ImapToolsError,
    MailBox,
    MailboxFolderSelectError,
    MailBoxStartTls,
    MailBoxUnencrypted,
)

from agentkit.errors import InvalidSettings, ToolFailed
from agentkit_tools.email.account import MailAccount

LOST = (OSError, IMAP4.error, ImapToolsError, UnicodeError)
"""What goes wrong on the way to a server and back."""


@contextmanager
def connected(account: MailAccount) -> Generator[BaseMailBox]:
    """A connection for one piece of work."""
    box = connect(account)
    try:
        yield box
    finally:
        close(box)


def connect(account: MailAccount) -> BaseMailBox:
    """Connect and log in. The password is sent only after the certificate was checked."""
    box = _reached(account)
    try:
        account.log_in_imap(box)
    except BaseException:
        close(box)
        raise
    return box


def close(box: BaseMailBox) -> None:
    """Hang up; nothing depends on the server's goodbye."""
    with contextlib.suppress(*LOST):
        box.client.shutdown()


def select(box: Any, folder: str, *, readonly: bool) -> int:
    """Select a folder. Returns its UIDVALIDITY, 0 where the server does not say.

    Raises:
        ToolFailed: there is no such folder.
    """
    try:
        box.folder.set(folder, readonly=readonly)
    except MailboxFolderSelectError:
        raise ToolFailed(f"there is no folder {folder!r}; the inbox is 'INBOX'") from None
    answer: list[Any] = box.client.response("UIDVALIDITY")[1]
    return int(answer[0]) if answer and answer[0] else 0


class Unclear(Exception):
    """Something may have been changed; what has become of it could not be seen."""


@contextmanager
def already_changed(what: str) -> Generator[None]:
    """For the steps after an effect: no refusal in them can mean any more that nothing has happened."""
    try:
        yield
    except ToolFailed as error:
        raise Unclear(f"{what}: {error}") from error


@contextmanager
def nothing_changed(what: str) -> Generator[None]:
    """For the steps before any effect: whatever goes wrong in them, nothing has happened."""
    try:
        yield
    except LOST as error:
        raise ToolFailed(f"{what}: {error or type(error).__name__}") from error


def _reached(account: MailAccount) -> BaseMailBox:
    try:
        return _protected(account)
    except InvalidSettings as error:
        raise ToolFailed(f"the mail server was not asked: {error}") from error


def _protected(account: MailAccount) -> BaseMailBox:
    host, port, seconds = account.imap_host, account.imap_port, account.timeout
    if account.reading_security == "none":
        return MailBoxUnencrypted(host, port, timeout=seconds)
    if account.reading_security == "starttls":
        return MailBoxStartTls(host, port, timeout=seconds, ssl_context=account.tls())
    return MailBox(host, port, timeout=seconds, ssl_context=account.tls())
