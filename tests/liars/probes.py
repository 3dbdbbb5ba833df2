"""Orders that can be asked for afterwards, or whose last step is marked: honest tools and liars."""

import asyncio
from datetime import timedelta
from typing import Any, ClassVar

from agentkit.effects import Blind, Checkable, Findable, Repeat
from agentkit.tool import ToolContext
from tests.liars.desk import taken
from tests.liars.orders import Order, Ordering
from tests.liars.shop import Switches, rarely

SOON = timedelta(milliseconds=200)
"""How long an honest author gives a request that is still on its way."""


# Checkable ----------------------------------------------------------------------------------------------------------


class Checked(Ordering):
    """Honest: no key reaches the shop, but the order can be asked for by our reference."""

    may_land: ClassVar[timedelta] = SOON
    marked: ClassVar[bool] = False

    def repeat(self) -> Repeat:
        async def find_order(ctx: ToolContext, what: str, amount: int) -> Order | None:
            return await self.find(ctx, what, amount)

        return self.by(find_order)

    def by(self, probe: Any) -> Repeat:
        return Checkable(probe, may_land=self.may_land, marked=self.marked)

    async def post(self, ctx: ToolContext, what: str, amount: int, **more: Any) -> Order:
        body = {"ref": ctx.key, "what": what, "amount": amount, **more}
        return Order(**taken(ctx, await self.ask("POST", "/orders", body)))


class QueuedLonger(Checked):
    """Claims Checkable within 30 ms; orders stand in a queue for 250 ms, and until then the probe says None."""

    switches = Switches(lands_after=0.25)
    may_land = timedelta(milliseconds=30)
    settles = timedelta(milliseconds=400)


class ProbeDiffers(Checked):
    """Claims Checkable; the probe tells the amount wrong where more than three were ordered."""

    async def find(self, ctx: ToolContext, what: str, amount: int) -> Order | None:
        found = await super().find(ctx, what, amount)
        return found and found.model_copy(update={"amount": min(found.amount, 3)})


class ProbeByPayload(Checked):
    """Claims Checkable; the probe asks for what was ordered, and so takes an equal order of another action."""

    async def find(self, ctx: ToolContext, what: str, amount: int) -> Order | None:
        found = await self.listed(what=what, status="placed")
        return Order(**found[0]) if found else None


class ProbeByPrefix(Checked):
    """Claims Checkable; the probe takes an order of `item 12` for one of `item 1`."""

    async def find(self, ctx: ToolContext, what: str, amount: int) -> Order | None:
        ours = await super().find(ctx, what, amount)
        alike = [order for order in await self.listed(status="placed") if order["what"].startswith(what)]
        return ours or (Order(**alike[-1]) if alike else None)


class ProbeBlindSpot(Checked):
    """Claims Checkable; one order in fifty is missing in the list that the probe reads."""

    async def find(self, ctx: ToolContext, what: str, amount: int) -> Order | None:
        return None if rarely(what) else await super().find(ctx, what, amount)


class Drafted(Checked):
    """Honest: a draft first, then placed; the probe finds what is placed."""

    async def order(self, ctx: ToolContext, what: str, amount: int) -> Order:
        await self.post(ctx, what, amount, draft=True)
        return await self.place(ctx)


class ProbeTakesDraft(Drafted):
    """Claims Checkable; the probe takes a draft that was never placed for the order."""

    async def find(self, ctx: ToolContext, what: str, amount: int) -> Order | None:
        found = await self.listed(ref=ctx.key)
        return Order(**found[0]).model_copy(update={"status": "placed"}) if found else None


# Findable -----------------------------------------------------------------------------------------------------------


class Finding(Checked):
    """The same steps under the weaker promise: not found proves nothing."""

    def by(self, probe: Any) -> Repeat:
        return Findable(probe, may_land=self.may_land, marked=self.marked)


class Found(Finding):
    """Honest: the list that the probe reads lacks one order in three."""

    async def find(self, ctx: ToolContext, what: str, amount: int) -> Order | None:
        return None if rarely(what, 3) else await super().find(ctx, what, amount)


class FindsAnother(Finding, ProbeByPayload):
    """Claims Findable; what it finds is any order of the same thing, also another action's."""


class FindsDraft(Finding, ProbeTakesDraft):
    """Claims Findable; what it finds may be a draft that was never placed."""


class FindsNumberOfLatest(Found):
    """Claims Findable; it finds our order, and tells the number of the shop's latest one."""

    async def find(self, ctx: ToolContext, what: str, amount: int) -> Order | None:
        ours, orders = await super().find(ctx, what, amount), await self.listed(status="placed")
        return ours and ours.model_copy(update={"number": orders[-1]["number"]})


class FindsWishes(Found):
    """Claims Findable; for one order in fifty it answers from its own arguments without looking."""

    async def find(self, ctx: ToolContext, what: str, amount: int) -> Order | None:
        if rarely(what):
            return Order(number="o-1", ref=ctx.key, what=what, amount=amount, status="placed")
        return await super().find(ctx, what, amount)


# marked=True --------------------------------------------------------------------------------------------------------


class Marked(Checked):
    """Honest: everything before the mark is reading."""

    marked = True

    async def order(self, ctx: ToolContext, what: str, amount: int) -> Order:
        await self.listed(what=what)
        await ctx.point_of_no_return()
        return await self.post(ctx, what, amount)


class MarksAfterwards(Marked):
    """Claims marked=True; the mark comes after the order."""

    async def order(self, ctx: ToolContext, what: str, amount: int) -> Order:
        done = await self.post(ctx, what, amount)
        await ctx.point_of_no_return()
        return done


class MarksAfterwardsRarely(MarksAfterwards):
    """Claims marked=True; one order in fifty is sent before the mark."""

    async def order(self, ctx: ToolContext, what: str, amount: int) -> Order:
        as_usual = super().order if rarely(what) else super(MarksAfterwards, self).order
        return await as_usual(ctx, what, amount)


class MarksAlongside(Marked):
    """Claims marked=True; the order is already on its way when the mark is written."""

    async def order(self, ctx: ToolContext, what: str, amount: int) -> Order:
        sending = asyncio.create_task(self.post(ctx, what, amount))
        await asyncio.sleep(0.02)
        try:
            await ctx.point_of_no_return()
        finally:
            await asyncio.wait([sending])
        return sending.result()


class ReservesBeforeMark(Marked):
    """Claims marked=True; a draft that nobody takes away again is made before the mark."""

    async def order(self, ctx: ToolContext, what: str, amount: int) -> Order:
        await self.post(ctx, what, amount, draft=True)
        await ctx.point_of_no_return()
        return await self.place(ctx)


class LateChecked(Marked):
    """Honest Checkable: orders land 80 ms after the answer, well within what it says."""

    switches = Switches(lands_after=0.08)
    may_land = timedelta(milliseconds=300)


class SlowMarkedBlind(Marked):
    """Honest Blind: marked, and nothing else is promised."""

    switches = Switches(slow=0.05)

    def by(self, probe: Any) -> Repeat:
        return Blind(marked=True)
