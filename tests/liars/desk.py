"""A staging that runs a shop of its own, and looks at it through its books, not through its door."""

import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import httpx

from agentkit.errors import ToolFailed
from agentkit.tool import Tool, ToolContext
from agentkit_tools.testing import Staging
from examples.trip_desk.server import Server
from tests.liars.shop import Switches, connect, order_to, spoken


class Temporary(Staging):
    """A staging with a folder of its own."""

    def __init__(self) -> None:
        self.tools: Sequence[Tool[..., Any]] = self.build()

    def build(self) -> Sequence[Tool[..., Any]]:
        """The tool under test first."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="agentkit-liars-"))
        return self

    async def __aexit__(self, *error: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class AtTheShop(Temporary):
    """One tool at a shop of its own."""

    switches: ClassVar[Switches] = Switches()
    books: sqlite3.Connection

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        order_to(self.folder, self.switches)
        self.server = Server("shop", "tests.liars.shop", self.folder, ["http"])
        self.books = connect(self.folder)
        try:
            self.server.start()
            self.server.wait_until_ready()
        except BaseException:  # a staging that could not be entered is not left either
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        self.books.close()
        self.server.stop()
        await super().__aexit__(*error)

    async def ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        timeout: float = 3.0,
        **headers: str,
    ) -> httpx.Response:
        """One request over a connection of its own; `If_Match=...` is a header."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"http://127.0.0.1:{self.server.ports['http']}{path}"
        async with httpx.AsyncClient(verify=False, trust_env=False, timeout=timeout) as client:
            return await client.request(method, url, json=body, headers=named)

    def orders(self) -> list[dict[str, Any]]:
        """What is ordered and has landed, without the moment it did."""
        columns = "number, ref, what, amount, status, fee"
        rows = self.books.execute(f"SELECT {columns} FROM orders WHERE lands <= ? ORDER BY rowid", [time.time()])
        return [dict(row) for row in rows]

    def things(self) -> list[dict[str, Any]]:
        """Everything about each thing except its version."""
        rows = [spoken(row) for row in self.books.execute("SELECT * FROM things ORDER BY name")]
        return [{k: v for k, v in row.items() if k not in ("etag", "second")} for row in rows]

    def thing(self, n: int) -> dict[str, Any]:
        return next(thing for thing in self.things() if thing["name"] == f"thing {n}")

    def put_there(self, n: int) -> str:
        """Have a thing before it is written; its name."""
        values = (f"thing {n}", f"Thing {n}", f"What {n} is about", "green", json.dumps(["b", str(n), "a"]))
        self.books.execute(
            "INSERT OR IGNORE INTO things (name, title, text, colour, tags, etag, second) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [*values, f"first-{n}", int(time.time()) - 60],
        )
        return f"thing {n}"

    def scribble(self, n: int) -> None:
        """Somebody else changes one field: another one for each n."""
        field = ("title", "text", "colour", "tags")[n % 4]
        value = json.dumps(["somebody's"]) if field == "tags" else "somebody's"
        self.books.execute(
            f"UPDATE things SET {field} = ?, etag = ?, second = ? WHERE name = ?",
            [value, f"somebody-{time.time_ns()}", int(time.time()), f"thing {n}"],
        )

    async def world(self) -> Any:
        return {"orders": self.orders(), "things": self.things()}


def taken(ctx: ToolContext, answer: httpx.Response) -> Any:
    """The answer's content; only a refusal of a first attempt proves that nothing happened."""
    if answer.status_code == 409 and ctx.attempt == 1:
        raise ToolFailed(f"the shop refused: {answer.json()['error']}")
    if answer.is_error:
        raise RuntimeError(f"the shop answered {answer.status_code}")
    return answer.json()
