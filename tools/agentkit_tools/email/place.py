"""Where a mail lies: its number in a folder, which no other mail gets as long as the folder's validity is the same."""

import re
from dataclasses import dataclass

from agentkit.errors import ToolFailed

HANDLE = re.compile(r"([1-9][0-9]{0,9})-([1-9][0-9]{0,9})")


@dataclass(frozen=True)
class Place:
    """An IMAP uid together with its UIDVALIDITY."""

    validity: int
    uid: int

    @classmethod
    def of(cls, handle: str, folder: str) -> "Place":
        """Read a handle that email.search, email.draft or email.move gave.

        Raises:
            ToolFailed: it is none.
        """
        if match := HANDLE.fullmatch(handle):
            return cls(int(match[1]), int(match[2]))
        raise ToolFailed(f"there is no mail with the uid {handle!r} in {folder}; email.search lists the uids")

    @property
    def handle(self) -> str:
        """How it is told to models: both numbers, so that a stale one cannot mean another mail."""
        return f"{self.validity}-{self.uid}"

    def check(self, validity: int, folder: str) -> None:
        """Compare with the folder as it is now.

        Raises:
            ToolFailed: the folder has been made anew, so the number may be another mail's.
        """
        if validity != self.validity:
            raise ToolFailed(f"the uids of {folder} have changed since {self.handle} was listed; list them again")
