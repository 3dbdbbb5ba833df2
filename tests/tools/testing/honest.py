"""Honest tools at the shop, one for each declaration, and their stagings."""

import asyncio
import http.client
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel

from agentkit.call import Proposal
from agentkit.effects import (
    Blind,
    Checkable,
    Compensable,
    Effect,
    ExactInverse,
    Findable,
    Idempotent,
    Irreversible,
    Keyed,
    Quote,
    ReadOnly,
    Repeat,
    Undo,
)
from agentkit.errors import ToolFailed
from agentkit.tool import Tool, ToolContext, tool
from agentkit_tools.testing import Staging

ROOT = Path(__file__).parents[3]
FEE = Decimal("4.90")


class Order(BaseModel):
    id: str
    n: int
    title: str
    note: str
    version: int


class Refused(ToolFailed):
    """The shop says no."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"the shop says {status}: {body}")
        self.status = status
        self.body = body


class Client:
    """Requests whose errors say what they prove."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return await asyncio.to_thread(self.ask_now, method, path, body, **headers)

    def ask_now(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            try:
                connection.connect()
            except ConnectionRefusedError as refused:
                raise ToolFailed("the shop is closed") from refused
            said = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, None if body is None else json.dumps(body), said)
            answer = connection.getresponse()
            read = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status >= 400:
            raise Refused(answer.status, read)
        return read


def order_id(key: str) -> str:
    return f"k-{key[:12]}"


class AtTheShop(Staging):
    """A shop of its own for each staging."""

    client: Client

    async def __aenter__(self) -> Self:
        command = [sys.executable, "-m", "tests.tools.testing.shop"]
        self._shop = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._shop.stdout
        self.client = Client(int(self._shop.stdout.readline()))
        self.tools = self.made(self.client)
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._shop.stdout
        self._shop.terminate()
        self._shop.wait()
        self._shop.stdout.close()

    def made(self, client: Client) -> list[Tool[..., Any]]:
        raise NotImplementedError

    async def call(self, n: int) -> Proposal[Any]:
        return self.tools[0](n=n, title=f"Kettle {n}")

    async def count(self, n: int) -> int:
        return sum(row["n"] == n and row["status"] == "open" for row in await self.world())

    async def world(self) -> Any:
        return self.client.ask_now("GET", "/orders")

    async def edit(self, n: int) -> None:
        for row in await self.world():
            if row["n"] == n:
                self.client.ask_now("PUT", f"/orders/{row['id']}", {"note": "in blue, please"})


# Looking ---------------------------------------------------------------------------------------------------------


class Looking(AtTheShop):
    def made(self, client: Client) -> list[Tool[..., Any]]:
        @tool("shop.look", repeat=ReadOnly())
        async def look(ctx: ToolContext, n: int, title: str) -> list[Order]:
            return [Order.model_validate(row) for row in await client.ask("GET", "/orders")]

        return [look]


# Idempotent, with an exact inverse ------------------------------------------------------------------------------


def taken_back(client: Client, guarded: bool = True) -> Tool[..., Any]:
    @tool("shop.take_back", repeat=Idempotent())
    async def take_back(ctx: ToolContext, id: str, version: int) -> None:
        try:
            await client.ask("DELETE", f"/orders/{id}", **({"If_Match": str(version)} if guarded else {}))
        except Refused as refused:
            if refused.status != 404:
                raise

    return take_back


class Putting(AtTheShop):
    """PUT to a name that comes from the key, if there is nothing yet."""

    def made(self, client: Client) -> list[Tool[..., Any]]:
        take_back = taken_back(client)

        def back(effect: Effect[Order]) -> Proposal[Any]:
            return take_back(id=order_id(effect.key), version=1)

        @tool("shop.put", repeat=Idempotent(), undo=ExactInverse(back))
        async def put(ctx: ToolContext, n: int, title: str) -> Order:
            try:
                row = await client.ask(
                    "PUT", f"/orders/{order_id(ctx.key)}", {"n": n, "title": title}, If_None_Match="*"
                )
            except Refused as refused:
                if refused.status != 412:
                    raise
                row = refused.body["row"]
            return Order.model_validate(row)

        return [put, take_back]


class Noting(AtTheShop):
    """Changes what is there, and says at its point of no return what was there before."""

    async def call(self, n: int) -> Proposal[Any]:
        self.client.ask_now("POST", "/orders", {"n": n, "title": "Kettle", "id": f"p-{n}", "note": f"old {n}"})
        return self.tools[0](id=f"p-{n}", note=f"new {n}")

    async def count(self, n: int) -> int:
        return sum(row["note"] == f"new {n}" for row in await self.world())

    async def edit(self, n: int) -> None:
        self.client.ask_now("PUT", f"/orders/p-{n}", {"title": "Teapot"})

    def made(self, client: Client) -> list[Tool[..., Any]]:
        @tool("shop.restore_note", repeat=Idempotent())
        async def restore(ctx: ToolContext, id: str, note: str, version: int, written: int) -> None:
            row = await client.ask("GET", f"/orders/{id}")
            if (row["note"], row["version"]) == (note, version):
                return
            await client.ask("PUT", f"/orders/{id}", {"note": note, "version": version}, If_Match=str(written))

        def back(effect: Effect[Any]) -> Proposal[Any] | None:
            was = effect.before
            return was and restore(
                id=effect.arguments["id"], note=was["note"], version=was["version"], written=was["version"] + 1
            )

        @tool("shop.note", repeat=Idempotent(), undo=ExactInverse(back))
        async def note(ctx: ToolContext, id: str, note: str) -> str:
            row = await client.ask("GET", f"/orders/{id}")
            was = await ctx.point_of_no_return(before={"note": row["note"], "version": row["version"]})
            if row["version"] == was["version"]:
                await client.ask("PUT", f"/orders/{id}", {"note": note}, If_Match=str(was["version"]))
            return note

        return [note, restore]


# Keyed, with a compensation -------------------------------------------------------------------------------------


class Ordering(AtTheShop):
    path = "/orders"
    retention = timedelta(hours=1)

    async def paid(self, n: int) -> Decimal:
        return sum((Decimal(row["paid"]) for row in await self.world() if row["n"] == n), Decimal(0))

    def compensation(self, client: Client) -> tuple[Tool[..., Any], Tool[..., Any]]:
        @tool("shop.price_of_return", repeat=ReadOnly())
        async def price(ctx: ToolContext, key: str) -> Quote:
            return Quote(FEE, "EUR")

        @tool("shop.send_back", repeat=Idempotent())
        async def send_back(ctx: ToolContext, key: str, at_most: Decimal | None = None) -> None:
            row = await client.ask("GET", f"/orders/{order_id(key)}")
            if row["status"] == "open":
                await client.ask("PUT", f"/orders/{row['id']}", {"status": "back", "paid": str(FEE)})

        return price, send_back

    def undo(self, price: Tool[..., Any], send_back: Tool[..., Any]) -> Undo:
        return Compensable(
            compensate=lambda effect: send_back(key=effect.key),
            quote=lambda effect: price(key=effect.key),
            limit="at_most",
        )

    def made(self, client: Client) -> list[Tool[..., Any]]:
        price, send_back = self.compensation(client)

        @tool("shop.order", repeat=Keyed(self.retention), undo=self.undo(price, send_back))
        async def order(ctx: ToolContext, n: int, title: str) -> Order:
            body = {"n": n, "title": title, "id": order_id(ctx.key)}
            return Order.model_validate(await client.ask("POST", self.path, body, Idempotency_Key=ctx.key))

        return [order, price, send_back]


# With a probe ---------------------------------------------------------------------------------------------------

Probe = Callable[..., Any]


def probe_of(client: Client) -> Probe:
    async def probe(ctx: ToolContext, n: int, title: str) -> Order | None:
        try:
            return Order.model_validate(await client.ask("GET", f"/orders/{order_id(ctx.key)}"))
        except Refused:
            return None

    return probe


class Queueing(AtTheShop):
    """A shop that takes an order at once and carries it out a little later."""

    later = 0.2
    may_land = timedelta(seconds=0.4)

    def repeat(self, probe: Probe) -> Repeat:
        return Checkable(probe, self.may_land, marked=True)

    def made(self, client: Client) -> list[Tool[..., Any]]:
        @tool("shop.queue", repeat=self.repeat(probe_of(client)))
        async def queue(ctx: ToolContext, n: int, title: str) -> Order:
            await ctx.point_of_no_return()
            made = Order(id=order_id(ctx.key), n=n, title=title, note="", version=1)
            await client.ask("POST", f"/orders?later={self.later}", made.model_dump())
            return made

        return [queue]


class Finding(Queueing):
    """The same, but what is not found proves nothing."""

    later = 0.05

    def repeat(self, probe: Probe) -> Repeat:
        return Findable(probe, self.may_land, marked=True)


class Sending(AtTheShop):
    """Nobody but a person can find out."""

    undo: Undo = Irreversible()

    def made(self, client: Client) -> list[Tool[..., Any]]:
        @tool("shop.send", repeat=Blind(marked=True), undo=self.undo)
        async def send(ctx: ToolContext, n: int, title: str) -> str:
            await client.ask("GET", "/orders/none-yet" if n < 0 else "/orders")
            await ctx.point_of_no_return()
            await client.ask("POST", "/orders", {"n": n, "title": title})
            return "sent"

        return [send]


# A world without a server ---------------------------------------------------------------------------------------


class InMemory(Staging):
    """A world that lives in the memory of the process."""

    def __init__(self) -> None:
        self.keys: dict[str, int] = {}

        @tool("memory.keep", repeat=Keyed(timedelta(hours=1)))
        async def keep(ctx: ToolContext, n: int) -> int:
            return self.keys.setdefault(ctx.key, n)

        self.tools = [keep]

    async def call(self, n: int) -> Proposal[Any]:
        return self.tools[0](n=n)

    async def count(self, n: int) -> int:
        return list(self.keys.values()).count(n)

    async def world(self) -> Any:
        return dict(self.keys)
