"""A folder that is being changed: each call is one exchange with the server, and says what the server has proven.

A refusal by the server (NO, BAD, MODIFIED) proves that nothing was done and is a `ToolFailed`. A connection that
breaks after a command was sent proves nothing and comes out as it is.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from imaplib import IMAP4
from typing import Any, TypeVar, cast

from imap_tools import AND, BaseMailBox, Header
from imap_tools.utils import encode_folder

from agentkit.errors import ToolFailed
from agentkit_tools.email.account import MailAccount
from agentkit_tools.email.answers import Fingerprint, Found, content_in, found_in, modseq_in, numbers_in
from agentkit_tools.email.connection import close, connect, nothing_changed, select
from agentkit_tools.email.place import Place

T = TypeVar("T")
DRAFTS = "\\Drafts"


@contextlib.asynccontextmanager
async def opened(account: MailAccount, folder: str | None) -> AsyncGenerator["Folder"]:
    """Open a folder for changes; None means the one that the server keeps drafts in.

    Raises:
        ToolFailed: it cannot be opened; nothing has happened.
    """
    with nothing_changed("nothing was changed, because the mail server could not be reached"):
        box = await asyncio.to_thread(connect, account)
    try:
        with nothing_changed("nothing was changed, because the folder could not be opened"):
            made = await asyncio.to_thread(_opened, box, folder)
        yield made
    finally:
        close(box)


class Folder:
    """One selected folder over one connection."""

    def __init__(self, box: BaseMailBox, name: str, validity: int, capabilities: frozenset[str]) -> None:
        self.name = name
        self.validity = validity
        self._box = box
        self._capabilities = capabilities

    def needs(self, *capabilities: str) -> None:
        """Check what the server offers.

        Raises:
            ToolFailed: something is missing, without which a change could not be taken back exactly.
        """
        if missing := sorted({*capabilities} - self._capabilities):
            raise ToolFailed(f"nothing was changed: the mail server does not offer {', '.join(missing)}")

    def number_of(self, handle: str) -> int:
        """The uid of a handle, if it is one of this folder as it is now."""
        place = Place.of(handle, self.name)
        place.check(self.validity, self.name)
        return place.uid

    def place(self, uid: int) -> Place:
        """The handle's numbers of a uid in this folder."""
        return Place(self.validity, uid)

    async def look(self, uid: int) -> Found | None:
        """The mail as it is now."""
        version = " MODSEQ" if "CONDSTORE" in self._capabilities else ""
        items = f"(UID FLAGS INTERNALDATE RFC822.SIZE{version} BODY.PEEK[HEADER])"
        return found_in(await self._uid("FETCH", str(uid), items), uid)

    async def content(self, uid: int) -> bytes | None:
        """The whole mail."""
        return content_in(await self._uid("FETCH", str(uid), "(UID BODY.PEEK[])"), uid)

    async def with_message_id(self, message_id: str) -> list[int]:
        """The uids of the mails that have this Message-ID, the oldest first."""
        criteria = AND(header=Header("Message-ID", message_id))
        return sorted(int(uid) for uid in await self._ask(lambda: self._box.uids(criteria)))

    async def alike(self, fingerprint: Fingerprint, begins: int) -> list[int]:
        """The uids, this one or higher, of the mails that have this fingerprint."""
        size = fingerprint.size
        criteria = f"UID {begins}:* LARGER {size - 1} SMALLER {size + 1}"
        numbers = [int(each) for each in await self._ask(lambda: self._box.uids(criteria))]
        # `*` is the last mail, so that a range which begins behind it still has that one in it
        looked = [await self.look(number) for number in numbers if number >= begins]
        return [each.uid for each in looked if each and each.fingerprint == fingerprint]

    async def next_uid(self, folder: str) -> Place:
        """The number that the next mail in another folder will get, or a later one."""
        told = await self._ask(lambda: self._box.folder.status(folder, ["UIDNEXT", "UIDVALIDITY"]))
        return Place(told["UIDVALIDITY"], told["UIDNEXT"])

    async def flag(self, uid: int, flag: str, on: bool, unchanged_since: int) -> int | None:
        """Set or remove a flag if the mail is still at this version, where the server counts versions.

        Returns its new version, where the server tells it.
        """
        condition = [f"(UNCHANGEDSINCE {unchanged_since})"] if unchanged_since else []
        answer = await self._uid("STORE", str(uid), *condition, "+FLAGS" if on else "-FLAGS", f"({flag})")
        # The server says OK also when it has refused; only this code tells.
        if self._code("MODIFIED"):
            raise ToolFailed("nothing was changed: somebody has changed the mail at the same moment; look at it again")
        return modseq_in(answer, uid)

    async def move(self, uid: int, folder: str) -> Place | None:
        """Move a mail. Returns its place in the other folder, where the server tells it."""
        await self._uid("MOVE", str(uid), cast("str", encode_folder(folder)))
        numbers = self._code("COPYUID")
        return Place(numbers[0], numbers[2]) if len(numbers) == 3 else None

    async def append(self, content: bytes, flags: str, date: datetime) -> Place | None:
        """Add a mail. Returns its place, where the server tells it."""
        name = cast("str", encode_folder(self.name))
        await self._ask(lambda: _done(self._box.client.append(name, flags, date, content)))
        numbers = self._code("APPENDUID")
        return Place(*numbers) if len(numbers) == 2 else None

    async def remove(self, uid: int) -> None:
        """Expunge one mail that is marked as deleted, and no other (UIDPLUS)."""
        await self._uid("EXPUNGE", str(uid))

    async def _uid(self, *command: str) -> list[Any]:
        return await self._ask(lambda: _done(self._box.client.uid(*command)))

    async def _ask(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except IMAP4.abort:
            raise
        except IMAP4.error as refused:
            raise ToolFailed(f"nothing was changed: the mail server refused it ({refused})") from refused

    def _code(self, name: str) -> list[int]:
        return numbers_in(self._box.client.response(name)[1] or [])


def _opened(box: BaseMailBox, folder: str | None) -> Folder:
    box.client.capabilities = capabilities = _capabilities(box)
    if {"CONDSTORE", "ENABLE"} <= {*capabilities}:
        box.client.enable("CONDSTORE")
    name = folder or _drafts(box)
    return Folder(box, name, select(box, name, readonly=False), frozenset(capabilities))


def _capabilities(box: BaseMailBox) -> tuple[str, ...]:
    """After the login a server offers more than before it."""
    answer = _done(box.client.capability())
    return tuple(answer[-1].decode().upper().split())


def _drafts(box: BaseMailBox) -> str:
    folders = box.folder.list()
    for each in folders:
        if DRAFTS in each.flags:
            return each.name
    raise ToolFailed("nothing was written: the mail server names no folder for drafts (SPECIAL-USE)")


def _done(answer: tuple[str, Any]) -> list[Any]:
    if answer[0] != "OK":
        said = b" ".join(each for each in answer[1] if isinstance(each, bytes)).decode(errors="replace")
        raise ToolFailed(f"nothing was changed: the mail server said {answer[0]} {said}")
    return answer[1] or []
