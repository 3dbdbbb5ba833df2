"""Mail on the disk: Maildirs as anybody may fill and read them, without asking the server."""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

FLAGS = {"D": "\\Draft", "F": "\\Flagged", "R": "\\Answered", "S": "\\Seen", "T": "\\Deleted"}


@dataclass(frozen=True)
class Stored:
    """One mail as it lies in a folder."""

    content: bytes
    flags: tuple[str, ...]

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.content, policy=policy.default)

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"] or "")


def furnish(maildirs: Path, users: Iterable[str], folders: Iterable[str]) -> None:
    """Make the empty folders of everybody."""
    for user in users:
        for folder in folders:
            for part in ("cur", "new", "tmp"):
                (_path(maildirs / user, folder) / part).mkdir(parents=True)
            if folder != "INBOX":
                (_path(maildirs / user, folder) / "maildirfolder").touch()


def deliver(maildir: Path, content: bytes) -> None:
    """Put one mail into the inbox, durably and at once or not at all, in the name of whoever owns the Maildir."""
    draft = maildir / "tmp" / f"{time.time_ns()}.{uuid.uuid4().hex}.localhost"
    with draft.open("xb") as file:
        # on the disk a line ends with a line feed alone; Dovecot puts the rest back
        file.write(content.replace(b"\r\n", b"\n"))
        file.flush()
        os.fsync(file.fileno())
    owner = maildir.stat()
    if owner.st_uid != os.getuid():
        os.chown(draft, owner.st_uid, owner.st_gid)
    draft.rename(maildir / "new" / draft.name)


def stored(maildir: Path, folder: str) -> list[Stored]:
    """The mails of a folder, in the order of their file names, which begin with the time of arrival."""
    path = _path(maildir, folder)
    files = [file for part in ("cur", "new") for file in (path / part).glob("*")]
    return [mail for file in sorted(files, key=lambda each: each.name) if (mail := _read(file))]


def _read(file: Path) -> Stored | None:
    """None when the server renames it at this moment; a second look finds it."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    letters = re.search(r":2,([A-Za-z]*)$", file.name)
    known = (FLAGS.get(letter, letter) for letter in (letters[1] if letters else ""))
    return Stored(content, tuple(sorted(known)))


def _path(maildir: Path, folder: str) -> Path:
    return maildir if folder == "INBOX" else maildir / f".{folder}"
