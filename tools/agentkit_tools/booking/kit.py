"""The booking kit: the tools of one booking server, from looking for a place to giving it back."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

from pydantic import Field

from agentkit.call import Proposal
from agentkit.effects import Blind, Compensable, Effect, ExactInverse, Idempotent, Irreversible, Quote, ReadOnly
from agentkit.errors import ToolFailed
from agentkit.label import Bound, Content
from agentkit.tool import Tool, ToolContext, tool
from agentkit_tools.address import Address
from agentkit_tools.booking.provider import Contact, Order, Price, Provider
from agentkit_tools.booking.reservation import Availability, Product, Reservation

Places = Annotated[int, Field(ge=1, le=1000)]
Minutes = Annotated[int, Field(ge=1, le=525_600)]
"""A year at most."""

GIVEN_BACK = frozenset({"CANCELLED", "REJECTED"})
"""Takes no places, and will not by itself. What has expired by the clock can still be paid or revived at some shops."""

SECOND = timedelta(seconds=1)
"""How exactly servers tell until when a hold lasts."""


class Booking:
    """Looks for places at one server, holds, confirms and cancels them."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        promises = provider.promises
        self._final = promises.final
        self.products = tool("booking.products", repeat=ReadOnly())(self._products)
        self.search_availability = tool("booking.search_availability", repeat=ReadOnly())(self._availability)
        self.get = tool("booking.get", repeat=ReadOnly())(self._get)
        self.find = tool("booking.find", repeat=ReadOnly())(self._find)
        self.quote_cancellation = tool("booking.quote_cancellation", repeat=ReadOnly())(self._quote)
        self.confirm_cancellation = tool("booking.confirm_cancellation", repeat=promises.cancel)(self._cancel)
        self.release = tool("booking.release", repeat=Idempotent())(self._release)
        self.reserve = tool("booking.reserve", repeat=promises.reserve, undo=ExactInverse(self._given_back))(
            self._reserve
        )
        # No server knows an extension again, and a late one shortens a longer one that was made since. Nor does a
        # server shorten a hold when asked; but nobody has to, as it ends by itself.
        self.extend = tool("booking.extend", repeat=Blind(marked=True), undo=Irreversible())(self._extend)
        self.confirm = tool(
            "booking.confirm",
            repeat=promises.confirm,
            undo=Compensable(
                compensate=lambda effect: self.confirm_cancellation(_uuid_in(effect)),
                quote=lambda effect: self.quote_cancellation(_uuid_in(effect)),
                limit="max_fee",
            ),
        )(self._confirm)

    def __iter__(self) -> Iterator[Tool[..., Any]]:
        yield from (self.products, self.search_availability, self.get, self.find)
        yield from (self.reserve, self.extend, self.confirm)
        yield from (self.quote_cancellation, self.confirm_cancellation, self.release)

    async def _products(self, ctx: ToolContext) -> list[Product]:
        """List everything that is sold, with its options, units and prices."""
        return await self._provider.products()

    async def _availability(
        self, ctx: ToolContext, product_id: str, day_from: date, day_to: date, places: Places
    ) -> list[Availability]:
        """List the departures of a product on these local days, with the price of so many places together."""
        return await self._provider.availability(product_id, day_from, day_to, places)

    async def _get(self, ctx: ToolContext, uuid: str) -> Reservation:
        """Look at a booking as it stands."""
        return await self._booking(uuid)

    async def _find(self, ctx: ToolContext, reseller_reference: str) -> list[Reservation]:
        """List the bookings that carry a reference: the id of the action that reserved or confirmed them."""
        return await self._provider.find_all(reseller_reference)

    async def _reserve(
        self,
        ctx: ToolContext,
        product_id: Annotated[str, Bound],
        option_id: Annotated[str, Bound],
        availability_id: Annotated[str, Bound],
        places: Places,
        minutes: Minutes = 30,
    ) -> Reservation:
        """Hold places for some minutes, without obligation. Unless it is confirmed, a hold ends by itself.

        The status says what has become of it meanwhile: a hold that was made can be cancelled by the time it is read.
        """
        uuid = self._provider.uuid(ctx.key)
        known = await self._provider.find(uuid) if ctx.attempt > 1 else None
        if known is None:
            until = ctx.started_at + timedelta(minutes=minutes)
            what = (product_id, option_id, availability_id, places)
            known = await self._provider.reserve(Order(uuid, *what, minutes, until, ctx.action))
        if known.status in self._final:
            raise ToolFailed(f"nothing is held any more: the booking is {known.status}; reserve again", ever=True)
        return known

    def _given_back(self, effect: Effect[Any]) -> Proposal[Any]:
        wanted = effect.arguments
        return self.release(self._provider.uuid(effect.key), wanted.get("availability_id"), wanted.get("places"))

    async def _extend(self, ctx: ToolContext, uuid: Annotated[str, Bound], minutes: Minutes) -> Reservation:
        """Let a hold last for at least so many minutes from now. It cannot be shortened again, only released."""
        before = await self._booking(uuid)
        if before.status != "ON_HOLD":
            raise self._over(before, "only a hold can be extended")
        until = _held_until(ctx, minutes)
        if _lasts(before, until):
            return before
        await ctx.point_of_no_return()
        return await self._provider.extend(uuid, until)

    async def _confirm(
        self,
        ctx: ToolContext,
        uuid: Annotated[str, Bound],
        contact_name: str,
        contact_email: Annotated[Address, Bound],
        expected_total: Annotated[Decimal, Bound],
        currency: str,
    ) -> Reservation:
        """Turn a hold into a binding booking, if its price is still the expected one."""
        before = await self._booking(uuid)
        if before.status == "CONFIRMED":
            return _ours(ctx, before)
        if before.status != "ON_HOLD":
            raise self._over(before, "only a hold can be confirmed")
        price = Price(expected_total, currency)
        _check_price(before, price)
        contact = Contact(contact_name, contact_email)
        after = await self._provider.confirm(uuid, contact, price, ctx.action)
        if after.is_over:
            raise ToolFailed(f"the supplier has not confirmed: the booking is {after.status}")
        return after

    async def _quote(self, ctx: ToolContext, uuid: str) -> Quote:
        """Ask what cancelling a booking would cost now. Changes nothing."""
        known = await self._booking(uuid)
        if known.is_over:
            return Quote(Decimal(0), known.currency or "", note=f"the booking is {known.status} already")
        if not known.cancellable:
            return Quote(None, known.currency or "", note="the supplier does not take this booking back any more")
        return await self._provider.quote_cancellation(uuid)

    async def _cancel(
        self,
        ctx: ToolContext,
        uuid: Annotated[str, Bound],
        reason: Annotated[str, Content] = "The booking is no longer needed.",
        max_fee: Decimal | None = None,
    ) -> Reservation:
        """Cancel a booking, at most for this fee in the booking's currency; without max_fee at any fee."""
        return await self._provider.cancel(uuid, reason, max_fee, ctx.action)

    async def _release(
        self,
        ctx: ToolContext,
        uuid: Annotated[str, Bound],
        availability_id: str | None = None,
        places: int | None = None,
    ) -> Reservation:
        """Give a hold back. One that is confirmed, or holds something else than said here, is left alone.

        The adapter looks last; how long a confirmation may still come unseen after that is told by each.
        """
        before = await self._booking(uuid)
        if before.status in GIVEN_BACK | self._final:
            return before
        check = partial(_check_unchanged, availability_id=availability_id, places=places)
        return await self._provider.cancel(uuid, "The hold is no longer needed.", Decimal(0), ctx.action, check)

    async def _booking(self, uuid: str) -> Reservation:
        if found := await self._provider.find(uuid):
            return found
        raise ToolFailed(f"the booking server knows no booking {uuid!r}")

    def _over(self, booking: Reservation, only: str) -> ToolFailed:
        """Where no confirmed booking comes to, neither this attempt nor an earlier one has confirmed it, or will."""
        return ToolFailed(f"{only}; this booking is {booking.status}", ever=booking.status in self._final)


def _uuid_in(effect: Effect[Any]) -> str:
    return str(effect.arguments["uuid"])


def _held_until(ctx: ToolContext, minutes: int) -> datetime:
    return ctx.started_at + timedelta(minutes=minutes)


def _lasts(booking: Reservation, until: datetime) -> bool:
    return booking.held_until is not None and booking.held_until >= until - SECOND


def _ours(ctx: ToolContext, booking: Reservation) -> Reservation:
    """A booking this action has confirmed; were another's taken for ours, our undo would cancel theirs."""
    if booking.reseller_reference is None and ctx.attempt == 1:
        raise ToolFailed("the booking is confirmed already, not by this action; there is nothing to do")
    if booking.reseller_reference not in (None, ctx.action):
        raise ToolFailed("the booking is confirmed already, by another action; there is nothing to do")
    return booking


def _check_price(booking: Reservation, expected: Price) -> None:
    if booking.total is None or booking.currency is None:
        raise ToolFailed("the booking server does not tell the price, so it cannot be checked")
    price = Price(booking.total, booking.currency)
    if price != expected:
        raise ToolFailed(f"the price is {price}, not the expected {expected}")


def _check_unchanged(booking: Reservation, availability_id: str | None, places: int | None) -> None:
    if booking.status not in ("ON_HOLD", "EXPIRED"):
        raise ToolFailed(f"not a hold any more but {booking.status}: quote and use booking.confirm_cancellation")
    holds = (booking.availability_id, booking.places)
    said = (availability_id or booking.availability_id, places or booking.places)
    if holds != said:
        raise ToolFailed(f"the booking is not as it was made: it holds {holds[1]} places on {holds[0]}")
