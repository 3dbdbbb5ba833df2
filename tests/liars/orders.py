"""Orders at the shop: an honest tool in small steps, and the liars that replace one step each."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import quote as escaped

import httpx
from pydantic import BaseModel

from agentkit.call import Proposal
from agentkit.effects import Delayable, Irreversible, Keyed, Repeat, Undo
from agentkit.errors import ToolFailed
from agentkit.label import Bound, Handle
from agentkit.tool import Tool, ToolContext, tool
from tests.liars.desk import AtTheShop, taken
from tests.liars.shop import Switches, rarely

DAY = timedelta(days=1)


class Order(BaseModel):
    number: Annotated[str, Handle]
    ref: str
    what: str
    amount: int
    status: str


class Ordering(AtTheShop):
    """`shop.order` as an honest author writes it; below, every method is a step that a liar can get wrong."""

    def repeat(self) -> Repeat:
        return Keyed(DAY)

    def undo(self) -> Undo:
        return Irreversible()

    def build(self) -> Sequence[Tool[..., Any]]:
        @tool("shop.order", repeat=self.repeat(), undo=self.undo())
        async def order(ctx: ToolContext, what: Annotated[str, Bound], amount: int) -> Order:
            """Order something."""
            return await self.order(ctx, what, amount)

        return [order]

    async def order(self, ctx: ToolContext, what: str, amount: int) -> Order:
        return await self.post(ctx, what, amount)

    async def post(self, ctx: ToolContext, what: str, amount: int, **more: Any) -> Order:
        body = {"ref": ctx.key, "what": what, "amount": amount, **more}
        return Order(**taken(ctx, await self.ask("POST", "/orders", body, Idempotency_Key=ctx.key)))

    async def place(self, ctx: ToolContext) -> Order:
        placed = await self.ask("POST", f"/orders/{ctx.key}/place", {})
        if placed.is_error:
            raise RuntimeError(f"the shop answered {placed.status_code}")
        return Order(**placed.json())

    async def find(self, ctx: ToolContext, what: str, amount: int) -> Order | None:
        found = await self.listed(ref=ctx.key, status="placed")
        return Order(**found[0]) if found else None

    async def listed(self, **wanted: str) -> list[dict[str, Any]]:
        query = "&".join(f"{name}={escaped(value)}" for name, value in wanted.items())
        answer = await self.ask("GET", f"/orders?{query}")
        return answer.raise_for_status().json()

    async def call(self, n: int) -> Proposal[Any]:
        return self.tools[0](what=f"item {n}", amount=1 + n % 4)

    async def count(self, n: int) -> int:
        return sum(order["what"] == f"item {n}" and order["status"] == "placed" for order in self.orders())


# Keyed --------------------------------------------------------------------------------------------------------------


class KeyedByPayload(Ordering):
    """Claims Keyed; the shop takes two orders of the same thing for one, whatever their keys are."""

    switches = Switches(dedupe="payload")


class KeyForgotten(Ordering):
    """Claims Keyed for a day; the shop forgets a key after eight others."""

    switches = Switches(remembers=8)


class KeyExpires(Ordering):
    """Claims Keyed for a day; the shop forgets a key after a quarter of a second."""

    switches = Switches(forgets_after=0.25)


class KeyRaces(Ordering):
    """Claims Keyed; the shop looks the key up before it writes it, so two requests at one time are two orders."""

    switches = Switches(race=0.03)


class KeySlips(Ordering):
    """Claims Keyed; every 50th replay at the shop is a new order."""

    switches = Switches(forgets_every=50)


class KeyCollides(Ordering):
    """Claims Keyed; the shop keeps six bits of the key, so now and then an order is answered by another's."""

    switches = Switches(dedupe="bucket")


class ReplayDiffers(Ordering):
    """Claims Keyed; a replay makes no second order, but its answer says another status than the first."""

    switches = Switches(replay_status="duplicate")


class KeyPerAttempt(Ordering):
    """Claims Keyed; one order in fifty is sent with a key that counts the attempts."""

    async def order(self, ctx: ToolContext, what: str, amount: int) -> Order:
        key = f"{ctx.key}-{ctx.attempt}" if rarely(what) else ctx.key
        body = {"ref": ctx.key, "what": what, "amount": amount}
        return Order(**taken(ctx, await self.ask("POST", "/orders", body, Idempotency_Key=key)))


# ToolFailed ---------------------------------------------------------------------------------------------------------


class FailsOnSilence(Ordering):
    """Says ToolFailed when the connection dies or the answer is late, though the order may be taken."""

    switches = Switches(stalls_after=10)

    async def order(self, ctx: ToolContext, what: str, amount: int) -> Order:
        body = {"ref": ctx.key, "what": what, "amount": amount}
        try:
            answer = await self.ask("POST", "/orders", body, timeout=0.25, Idempotency_Key=ctx.key)
        except httpx.TransportError as error:
            raise ToolFailed(f"the shop does not answer: {error}") from error
        return Order(**taken(ctx, answer))


class FailsOnServerError(Ordering):
    """Says ToolFailed on a 500, though one order in ten is taken before the shop breaks."""

    switches = Switches(breaks_after=10)

    async def order(self, ctx: ToolContext, what: str, amount: int) -> Order:
        body = {"ref": ctx.key, "what": what, "amount": amount}
        answer = await self.ask("POST", "/orders", body, Idempotency_Key=ctx.key)
        if answer.is_server_error:
            raise ToolFailed("the shop is out of order")
        return Order(**taken(ctx, answer))


class FailsOnGarbage(Ordering):
    """Says ToolFailed when it cannot read the answer, which happens to one order in fifty after it is taken."""

    switches = Switches(garbles=50)

    async def order(self, ctx: ToolContext, what: str, amount: int) -> Order:
        try:
            return await super().order(ctx, what, amount)
        except ValueError as error:
            raise ToolFailed(f"the shop talks nonsense: {error}") from error


class FailsOnConflict(Ordering):
    """Says that no attempt ever did anything when the shop refuses the second because it took the first."""

    switches = Switches(replay_conflicts=True)

    async def order(self, ctx: ToolContext, what: str, amount: int) -> Order:
        body = {"ref": ctx.key, "what": what, "amount": amount}
        answer = await self.ask("POST", "/orders", body, Idempotency_Key=ctx.key)
        if answer.status_code == 409:
            raise ToolFailed("the shop refused the order", ever=True)
        return Order(**taken(ctx, answer))


class FailsHalfway(Ordering):
    """Says ToolFailed when the shop has no gift wrap left, after the order was taken (one in twelve)."""

    async def order(self, ctx: ToolContext, what: str, amount: int) -> Order:
        done = await self.post(ctx, what, amount)
        if rarely(what, 12):
            raise ToolFailed("there is no gift wrap left")
        return done


# Honest -------------------------------------------------------------------------------------------------------------


class SlowKeyed(Ordering):
    """Honest Keyed: slow, and out of order now and then, which it survives by sending the same again."""

    switches = Switches(slow=0.05, fails_every=7)

    async def order(self, ctx: ToolContext, what: str, amount: int) -> Order:
        try:
            return await self.post(ctx, what, amount)
        except RuntimeError:
            return await self.post(ctx, what, amount)


class BusyKeyed(Ordering):
    """Honest Keyed: the shop is busy now and then, and says so before it does anything."""

    switches = Switches(busy_every=9)


class Held(Ordering):
    """Honest Keyed and Delayable: what is held is not outside yet."""

    def undo(self) -> Undo:
        return Delayable(hold=timedelta(seconds=30))
