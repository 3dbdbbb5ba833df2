"""Maildirs on disk: one for each address, with its folders, its delivery and its accounts file."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDERS = ("Drafts", "Sent", "Trash")


@dataclass(frozen=True)
class PostOffice:
    """The local addresses with their passwords, and where their mail lies."""

    folder: Path
    passwords: Mapping[str, str]

    @classmethod
    def found(cls, folder: Path, passwords: Mapping[str, str]) -> PostOffice:
        """Open a post office in a new folder."""
        folder.mkdir(parents=True)
        (folder / "accounts.json").write_text(json.dumps(dict(passwords)))
        office = cls(folder, dict(passwords))
        for address in office.passwords:
            office._furnish(address)
        return office

    @classmethod
    def open(cls, folder: Path) -> PostOffice:
        return cls(folder, json.loads((folder / "accounts.json").read_text()))

    @property
    def maildirs(self) -> Path:
        return self.folder / "maildirs"

    def knows(self, address: str) -> bool:
        return address.lower() in self.passwords

    def accepts(self, address: str, password: str) -> bool:
        return self.passwords.get(address.lower()) == password

    def deliver(self, address: str, content: bytes) -> None:
        """Put one copy into the inbox, durably and at once or not at all."""
        maildir = self.maildirs / address.lower()
        name = f"{time.time_ns()}.{uuid.uuid4().hex}.localhost"
        with (maildir / "tmp" / name).open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        (maildir / "tmp" / name).rename(maildir / "new" / name)

    def _furnish(self, address: str) -> None:
        inbox = self.maildirs / address
        for maildir in (inbox, *(inbox / f".{name}" for name in FOLDERS)):
            for part in ("cur", "new", "tmp"):
                (maildir / part).mkdir(parents=True)
        for name in FOLDERS:
            (inbox / f".{name}" / "maildirfolder").touch()
