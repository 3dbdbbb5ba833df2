"""Tools without any network: files and a small database in this very process, honest ones and liars."""

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self

from agentkit.call import Proposal
from agentkit.effects import Blind, Effect, ExactInverse, Findable, Idempotent, Keyed, ReadOnly
from agentkit.errors import ToolFailed
from agentkit.label import Bound, Content
from agentkit.tool import Tool, ToolContext, tool
from tests.liars.desk import Temporary


class Files(Temporary):
    """A folder of notes; the world is every file with its content and its mode."""

    def note(self, n: int) -> Path:
        return self.folder / f"note {n}.txt"

    def put_there(self, n: int) -> str:
        if not self.note(n).exists():
            self.note(n).write_text(f"What {n} is about")
            self.note(n).chmod(0o640)
        return self.note(n).name

    async def world(self) -> Any:
        return {path.name: [path.read_text(), oct(path.stat().st_mode)] for path in sorted(self.folder.iterdir())}

    async def edit(self, n: int) -> None:
        self.note(n).write_text(f"somebody's {n}")

    async def count(self, n: int) -> int:
        return int(self.note(n).exists() and self.note(n).read_text() == f"New {n}")


class FileSeen(Files):
    """Claims ReadOnly; a note that is read for the first time is marked as seen, in its mode alone."""

    def build(self) -> Sequence[Tool[..., Any]]:
        @tool("drawer.read", repeat=ReadOnly())
        async def read(ctx: ToolContext, name: Annotated[str, Bound]) -> str:
            """Read a note."""
            (self.folder / name).chmod(0o440)
            return (self.folder / name).read_text()

        return [read]

    async def call(self, n: int) -> Proposal[Any]:
        return self.tools[0](name=self.put_there(n))

    async def count(self, n: int) -> int:
        return 0


class FileRestored(Files):
    """Honest ExactInverse on files: content and mode come back, unless the file is not what was written."""

    def build(self) -> Sequence[Tool[..., Any]]:
        @tool("drawer.restore", repeat=Idempotent())
        async def restore(ctx: ToolContext, name: Annotated[str, Bound], old: dict[str, Any], written: str) -> str:
            """Put back what a note said."""
            path = self.folder / name
            if state(path) not in (old, {"text": written, "mode": 0o600}):
                raise ToolFailed(f"somebody has edited {name} since")
            self.put_back(path, old)
            return name

        @tool("drawer.rewrite", repeat=Idempotent(), undo=ExactInverse(self.inverse))
        async def rewrite(ctx: ToolContext, name: Annotated[str, Bound], text: Annotated[str, Content]) -> str:
            """Write a note anew, for the owner's eyes only."""
            path = self.folder / name
            await ctx.point_of_no_return(before=state(path))
            replace(path, text, 0o600)
            return text

        return [rewrite, restore]

    def inverse(self, effect: Effect[Any]) -> Proposal[Any] | None:
        if effect.before is None:
            return None
        return self.tools[1](name=effect.arguments["name"], old=effect.before, written=effect.arguments["text"])

    def put_back(self, path: Path, old: dict[str, Any]) -> None:
        replace(path, old["text"], old["mode"])

    async def call(self, n: int) -> Proposal[Any]:
        return self.tools[0](name=self.put_there(n), text=f"New {n}")


class FileModeForgotten(FileRestored):
    """Claims ExactInverse; the text comes back, the mode stays as the rewrite left it."""

    def put_back(self, path: Path, old: dict[str, Any]) -> None:
        path.write_text(old["text"])


class FileMarksLate(Files):
    """Claims marked=True; the note is written while it is being prepared, and the mark comes after."""

    def build(self) -> Sequence[Tool[..., Any]]:
        @tool("drawer.leave", repeat=Blind(marked=True))
        async def leave(ctx: ToolContext, name: Annotated[str, Bound], text: Annotated[str, Content]) -> str:
            """Leave a note."""
            (self.folder / name).write_text(text)
            await asyncio.sleep(0)
            await ctx.point_of_no_return()
            return text

        return [leave]

    async def call(self, n: int) -> Proposal[Any]:
        return self.tools[0](name=self.note(n).name, text=f"New {n}")


class FindsInOutbox(Files):
    """Claims Findable; the probe looks into the outbox, where a note lies before it is delivered."""

    def build(self) -> Sequence[Tool[..., Any]]:
        async def find(ctx: ToolContext, text: str) -> str | None:
            return ctx.key if self.out(ctx.key).exists() else None

        @tool("drawer.send", repeat=Findable(find, may_land=timedelta(milliseconds=20), marked=True))
        async def send(ctx: ToolContext, text: Annotated[str, Content]) -> str:
            """Put a note into somebody's drawer."""
            self.out(ctx.key).write_text(text)
            await ctx.point_of_no_return()
            (self.folder / f"delivered-{short(ctx.key)}").write_text(text)
            return ctx.key

        return [send]

    def out(self, key: str) -> Path:
        return self.folder / f".outbox-{short(key)}"

    async def call(self, n: int) -> Proposal[Any]:
        return self.tools[0](text=f"New {n}")

    async def count(self, n: int) -> int:
        return sum(path.read_text() == f"New {n}" for path in self.folder.glob("delivered-*"))

    async def world(self) -> Any:
        """The outbox is our own affair, not the world."""
        return sorted(path.read_text() for path in self.folder.glob("delivered-*"))


class Ledger(Temporary):
    """A table of postings in this process."""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.books = sqlite3.connect(self.folder / "ledger.db", isolation_level=None, check_same_thread=False)
        self.books.executescript(
            "CREATE TABLE balances (account TEXT PRIMARY KEY, amount INTEGER);"
            "CREATE TABLE postings (key TEXT PRIMARY KEY, account TEXT, amount INTEGER);"
            "CREATE TABLE history (account TEXT, amount INTEGER);"
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        self.books.close()
        await super().__aexit__(*error)

    async def world(self) -> Any:
        return {
            "balances": self.books.execute("SELECT * FROM balances ORDER BY 1, 2").fetchall(),
            "postings": self.books.execute("SELECT account, amount FROM postings ORDER BY 1, 2").fetchall(),
            "history": self.books.execute("SELECT * FROM history ORDER BY 1, 2").fetchall(),
        }

    async def call(self, n: int) -> Proposal[Any]:
        return self.tools[0](account=f"account {n}", amount=10 + n)

    async def count(self, n: int) -> int:
        return self.books.execute("SELECT count(*) FROM postings WHERE account = ?", [f"account {n}"]).fetchone()[0]


class LedgerPosts(Ledger):
    """Honest Keyed without a network: the key is the row's, so a second posting changes nothing."""

    def build(self) -> Sequence[Tool[..., Any]]:
        @tool("ledger.post", repeat=Keyed(timedelta(days=365)))
        async def post(ctx: ToolContext, account: Annotated[str, Bound], amount: int) -> dict[str, Any]:
            """Post an amount to an account."""
            await asyncio.sleep(0.005)
            self.books.execute("INSERT OR IGNORE INTO postings VALUES (?, ?, ?)", [ctx.key, account, amount])
            row = self.books.execute("SELECT account, amount FROM postings WHERE key = ?", [ctx.key]).fetchone()
            return {"account": row[0], "amount": row[1]}

        return [post]


class LedgerKeepsHistory(Ledger):
    """Claims Idempotent; the balance is set as often as you like, and each time a line of history is added."""

    def build(self) -> Sequence[Tool[..., Any]]:
        @tool("ledger.set", repeat=Idempotent())
        async def balance(ctx: ToolContext, account: Annotated[str, Bound], amount: int) -> int:
            """Set the balance of an account."""
            await asyncio.sleep(0)
            self.books.execute("INSERT OR REPLACE INTO balances VALUES (?, ?)", [account, amount])
            self.books.execute("INSERT INTO history VALUES (?, ?)", [account, amount])
            return amount

        return [balance]

    async def count(self, n: int) -> int:
        return self.books.execute("SELECT count(*) FROM balances WHERE account = ?", [f"account {n}"]).fetchone()[0]


class LedgerFailsAfterwards(Ledger):
    """Says ToolFailed for an amount that ends in 7, after it has posted it."""

    def build(self) -> Sequence[Tool[..., Any]]:
        @tool("ledger.post", repeat=Keyed(timedelta(days=365)))
        async def post(ctx: ToolContext, account: Annotated[str, Bound], amount: int) -> int:
            """Post an amount to an account."""
            self.books.execute("INSERT OR IGNORE INTO postings VALUES (?, ?, ?)", [ctx.key, account, amount])
            if amount % 10 == 7:
                raise ToolFailed("amounts that end in 7 are not allowed")
            return amount

        return [post]


def state(path: Path) -> dict[str, Any]:
    """What a note is now, as JSON."""
    return {"text": path.read_text(), "mode": path.stat().st_mode & 0o777}


def replace(path: Path, text: str, mode: int) -> None:
    """Write text and mode in one step that cannot be seen half done."""
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.chmod(mode)
    draft.replace(path)


def short(key: str) -> str:
    """A key as a file's name."""
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:20]
