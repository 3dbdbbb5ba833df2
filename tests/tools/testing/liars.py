"""Tools at the shop that break one promise each, some of them seldom."""

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

from agentkit.call import Proposal
from agentkit.effects import (
    Blind,
    Checkable,
    Compensable,
    Effect,
    ExactInverse,
    Findable,
    Idempotent,
    Keyed,
    ReadOnly,
    Repeat,
    Undo,
)
from agentkit.errors import ToolFailed
from agentkit.tool import Tool, ToolContext, tool
from tests.tools.testing.honest import (
    AtTheShop,
    Client,
    Finding,
    InMemory,
    Noting,
    Order,
    Ordering,
    Probe,
    Putting,
    Queueing,
    order_id,
    taken_back,
)

SELDOM = 50


class Meddling(AtTheShop):
    """A read that writes, once in fifty times."""

    def made(self, client: Client) -> list[Tool[..., Any]]:
        times: list[int] = []

        @tool("shop.look", repeat=ReadOnly())
        async def look(ctx: ToolContext, n: int, title: str) -> int:
            times.append(n)
            if len(times) % SELDOM == 0:
                await client.ask("POST", "/orders", {"n": n, "title": title})
            return len(await client.ask("GET", "/orders"))

        return [look]


class Recounting(Putting):
    """Called idempotent, and a repetition raises the version."""

    def made(self, client: Client) -> list[Tool[..., Any]]:
        @tool("shop.put", repeat=Idempotent())
        async def put(ctx: ToolContext, n: int, title: str) -> Order:
            row = await client.ask("PUT", f"/orders/{order_id(ctx.key)}", {"n": n, "title": title})
            return Order.model_validate(row)

        return [put]


class Forgetful(Ordering):
    """Called keyed, and the shop takes no notice of the key."""

    def made(self, client: Client) -> list[Tool[..., Any]]:
        @tool("shop.order", repeat=Keyed(self.retention))
        async def order(ctx: ToolContext, n: int, title: str) -> Order:
            return Order.model_validate(await client.ask("POST", "/orders", {"n": n, "title": title}))

        return [order]


class SeldomForgetful(Ordering):
    """The same, once in fifty repetitions, and it remembers within its process what it has sent."""

    def made(self, client: Client) -> list[Tool[..., Any]]:
        sent: dict[str, Order] = {}

        @tool("shop.order", repeat=Keyed(self.retention))
        async def order(ctx: ToolContext, n: int, title: str) -> Order:
            key = "no" if ctx.attempt > 1 and random.randrange(SELDOM) == 0 else "yes"
            if ctx.key not in sent:
                row = await client.ask("POST", f"/orders?key={key}", {"n": n, "title": title}, Idempotency_Key=ctx.key)
                sent[ctx.key] = Order.model_validate(row)
            return sent[ctx.key]

        return [order]


class OneKeyForEqualArguments(Ordering):
    """Makes its key from the arguments: two actions are one effect."""

    def made(self, client: Client) -> list[Tool[..., Any]]:
        @tool("shop.order", repeat=Keyed(self.retention))
        async def order(ctx: ToolContext, n: int, title: str) -> Order:
            return Order.model_validate(
                await client.ask("POST", "/orders", {"n": n, "title": title}, Idempotency_Key=f"order {n}")
            )

        return [order]


class AnswersOtherwise(Ordering):
    """One effect, but a repetition returns another note."""

    def made(self, client: Client) -> list[Tool[..., Any]]:
        @tool("shop.order", repeat=Keyed(self.retention))
        async def order(ctx: ToolContext, n: int, title: str) -> Order:
            body = {"n": n, "title": title}
            row = await client.ask("POST", "/orders", body, Idempotency_Key=ctx.key)
            return Order.model_validate({**row, "note": "again" if ctx.attempt > 1 else ""})

        return [order]


class TooSure(Queueing):
    """Declares that nothing lands later than it does."""

    may_land = timedelta(seconds=0.05)
    later = 0.6
    settles = timedelta(seconds=1)


class TakesOthers(Queueing):
    """Its probe looks for equal arguments, not for its own action."""

    def repeat(self, probe: Probe) -> Repeat:
        client = self.client

        async def any_equal(ctx: ToolContext, n: int, title: str) -> Order | None:
            rows = await client.ask("GET", "/orders")
            return next((Order.model_validate(row) for row in rows if row["n"] == n), None)

        return Checkable(any_equal, self.may_land)


class ProbesOtherwise(Queueing):
    """Its probe gets one field wrong."""

    def repeat(self, probe: Probe) -> Repeat:
        async def shouting(ctx: ToolContext, n: int, title: str) -> Order | None:
            found = await probe(ctx, n=n, title=title)
            return found and found.model_copy(update={"title": found.title.upper()})

        return Checkable(shouting, self.may_land)


class FindsTooMuch(Finding):
    """Its probe says once in fifty times that it found what is not there."""

    def repeat(self, probe: Probe) -> Repeat:
        async def hopeful(ctx: ToolContext, n: int, title: str) -> Order | None:
            imagined = Order(id=order_id(ctx.key), n=n, title=title, note="", version=1)
            return imagined if n % SELDOM == 0 else await probe(ctx, n=n, title=title)

        return Findable(hopeful, self.may_land)


class MarksTooLate(AtTheShop):
    """Its effect comes before its mark, once in fifty times."""

    def made(self, client: Client) -> list[Tool[..., Any]]:
        @tool("shop.send", repeat=Blind(marked=True))
        async def send(ctx: ToolContext, n: int, title: str) -> str:
            if n % SELDOM == 0:
                await client.ask("POST", "/orders", {"n": n, "title": title})
                await ctx.point_of_no_return()
            else:
                await ctx.point_of_no_return()
                await client.ask("POST", "/orders", {"n": n, "title": title})
            return "sent"

        return [send]


class NeverMarks(AtTheShop):
    """Declares a mark and has none."""

    def made(self, client: Client) -> list[Tool[..., Any]]:
        @tool("shop.send", repeat=Blind(marked=True))
        async def send(ctx: ToolContext, n: int, title: str) -> str:
            await client.ask("POST", "/orders", {"n": n, "title": title})
            return "sent"

        return [send]


class DeniesIt(AtTheShop):
    """Says that nothing happened when it was cut off."""

    def made(self, client: Client) -> list[Tool[..., Any]]:
        @tool("shop.send", repeat=Blind())
        async def send(ctx: ToolContext, n: int, title: str) -> str:
            try:
                await client.ask("POST", "/orders", {"n": n, "title": title})
            except OSError as error:
                raise ToolFailed("the shop did not answer") from error
            return "sent"

        return [send]


class Retrying(AtTheShop):
    """Sends again by itself what it has no answer to."""

    def made(self, client: Client) -> list[Tool[..., Any]]:
        @tool("shop.send", repeat=Blind())
        async def send(ctx: ToolContext, n: int, title: str) -> str:
            try:
                await client.ask("POST", "/orders", {"n": n, "title": title})
            except OSError:
                await client.ask("POST", "/orders", {"n": n, "title": title})
            return "sent"

        return [send]


class LeavesATrace(Noting):
    """Its inverse puts the note back, and leaves the version as it has become, once in fifty times."""

    def made(self, client: Client) -> list[Tool[..., Any]]:
        note, honest = super().made(client)
        times: list[str] = []

        @tool("shop.restore_note", repeat=Idempotent())
        async def restore(ctx: ToolContext, id: str, note: str, version: int, written: int) -> None:
            times.append(id)
            if len(times) % SELDOM == 0 and ctx.attempt == 1:
                version = written + 1
            await honest.function(ctx, id=id, note=note, version=version, written=written)

        return [note, restore]


class Overwrites(Putting):
    """Its inverse removes what somebody else has edited since."""

    def made(self, client: Client) -> list[Tool[..., Any]]:
        put, _ = super().made(client)
        return [put, taken_back(client, guarded=False)]


class NeedsTheResult(Putting):
    """Its inverse knows nothing without the result."""

    def made(self, client: Client) -> list[Tool[..., Any]]:
        take_back = taken_back(client)

        def back(effect: Effect[Order]) -> Proposal[Any]:
            return take_back(id=effect.result.id if effect.result else "unknown", version=1)

        honest, _ = super().made(client)

        @tool("shop.put", repeat=Idempotent(), undo=ExactInverse(back))
        async def put(ctx: ToolContext, n: int, title: str) -> Order:
            return await honest.function(ctx, n=n, title=title)

        return [put, take_back]


class Overcharges(Ordering):
    """Takes more than it quoted, once in fifty times."""

    def undo(self, price: Tool[..., Any], send_back: Tool[..., Any]) -> Undo:
        client = self.client
        times: list[str] = []

        @tool("shop.send_back_dearly", repeat=Idempotent())
        async def dearly(ctx: ToolContext, key: str, at_most: Decimal | None = None) -> None:
            times.append(key)
            paid = "49.00" if len(times) % SELDOM == 0 else "4.90"
            await client.ask("PUT", f"/orders/{order_id(key)}", {"status": "back", "paid": paid})

        self.dearly = dearly
        return Compensable(lambda effect: dearly(key=effect.key), lambda effect: price(key=effect.key), limit="at_most")

    def made(self, client: Client) -> list[Tool[..., Any]]:
        return [*super().made(client), self.dearly]


class KeepsIt(Ordering):
    """Its compensation pays and leaves the order standing."""

    def compensation(self, client: Client) -> tuple[Tool[..., Any], Tool[..., Any]]:
        price, _ = super().compensation(client)

        @tool("shop.send_back", repeat=Idempotent())
        async def send_back(ctx: ToolContext, key: str, at_most: Decimal | None = None) -> None:
            await client.ask("PUT", f"/orders/{order_id(key)}", {"paid": "4.90"})

        return price, send_back


class ForgetfulInMemory(InMemory):
    """Without any server: makes a second effect of a repetition."""

    def __init__(self) -> None:
        super().__init__()

        @tool("memory.keep", repeat=Keyed(timedelta(hours=1)))
        async def keep(ctx: ToolContext, n: int) -> int:
            self.keys[f"{ctx.key} {ctx.attempt}"] = n
            return n

        self.tools = [keep]


LIARS: dict[type[Any], str] = {
    Meddling: "ReadOnly",
    Recounting: "Idempotent",
    Forgetful: "Keyed",
    SeldomForgetful: "Keyed",
    OneKeyForEqualArguments: "Keyed",
    AnswersOtherwise: "Keyed",
    ForgetfulInMemory: "Keyed",
    TooSure: "Checkable",
    TakesOthers: "Checkable",
    ProbesOtherwise: "Checkable",
    FindsTooMuch: "Findable",
    MarksTooLate: "marked",
    NeverMarks: "marked",
    DeniesIt: "ToolFailed",
    Retrying: "returns",
    LeavesATrace: "ExactInverse",
    Overwrites: "ExactInverse",
    NeedsTheResult: "ExactInverse",
    Overcharges: "Compensable",
    KeepsIt: "Compensable",
}
"""Each with the claim that it breaks."""
