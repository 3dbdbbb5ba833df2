"""The booking kit: the tools of one OCTO booking server, from looking for a place to giving it back."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from agentkit.effects import Compensable, Effect, ExactInverse, Idempotent, Keyed, Quote, ReadOnly
from agentkit.errors import ToolFailed
from agentkit.label import Bound, Content
from agentkit.tool import Tool, ToolContext, tool
from agentkit_tools.booking.documents import (
    AvailabilityDocument,
    BookingDocument,
    OptionDocument,
    ProductDocument,
    QuoteDocument,
)
from agentkit_tools.booking.octo import Octo, Refused
from agentkit_tools.booking.reservation import Availability, Product, Reservation

RETENTION = timedelta(days=30)
"""OCTO: the uuid is the booking's own, and a server knows its bookings; so much is asked of it here."""


class Booking:
    """Looks for places at one server, holds, confirms and cancels them."""

    def __init__(self, octo: Octo) -> None:
        self._octo = octo
        self.products = tool("booking.products", repeat=ReadOnly())(self._products)
        self.search_availability = tool("booking.search_availability", repeat=ReadOnly())(self._availability)
        self.get = tool("booking.get", repeat=ReadOnly())(self._get)
        self.quote_cancellation = tool("booking.quote_cancellation", repeat=ReadOnly())(self._quote)
        self.cancel = tool("booking.cancel", repeat=Idempotent())(self._cancel)
        self.release = tool("booking.release", repeat=Idempotent())(self._release)
        self.reserve = tool(
            "booking.reserve",
            repeat=Keyed(RETENTION),
            undo=ExactInverse(lambda effect: self.release(booking_uuid(effect.key))),
        )(self._reserve)
        self.confirm = tool(
            "booking.confirm",
            repeat=Idempotent(),
            undo=Compensable(
                compensate=lambda effect: self.cancel(_uuid_in(effect)),
                quote=lambda effect: self.quote_cancellation(_uuid_in(effect)),
                limit="max_fee",
            ),
        )(self._confirm)

    def __iter__(self) -> Iterator[Tool[..., Any]]:
        yield from (self.products, self.search_availability, self.get, self.reserve, self.confirm)
        yield from (self.quote_cancellation, self.cancel, self.release)

    async def _products(self, ctx: ToolContext) -> list[Product]:
        """List everything that is sold, with its options, units and prices."""
        found = await self._octo.ask(list[ProductDocument], "GET", "products")
        return [document.product() for document in found]

    async def _availability(
        self,
        ctx: ToolContext,
        product_id: str,
        day_from: date,
        day_to: date,
        places: Annotated[int, Field(ge=1)],
    ) -> list[Availability]:
        """List the departures of a product on these local days, with the price of so many places together."""
        option = await self._option(product_id, None)
        body = {
            "productId": product_id,
            "optionId": option.id,
            "localDateStart": day_from.isoformat(),
            "localDateEnd": day_to.isoformat(),
            "units": [{"id": option.usual_unit.id, "quantity": places}],
        }
        found = await self._octo.ask(list[AvailabilityDocument], "POST", "availability", body=body)
        return [document.availability(product_id, option.id) for document in found]

    async def _get(self, ctx: ToolContext, uuid: str) -> Reservation:
        """Look at a booking as it stands."""
        return (await self._booking(uuid)).reservation()

    async def _reserve(
        self,
        ctx: ToolContext,
        product_id: Annotated[str, Bound],
        option_id: Annotated[str, Bound],
        availability_id: Annotated[str, Bound],
        places: Annotated[int, Field(ge=1)],
        minutes: Annotated[int, Field(ge=1)] = 30,
    ) -> Reservation:
        """Hold places for some minutes, without obligation. Unless it is confirmed, a hold ends by itself."""
        uuid = booking_uuid(ctx.key)
        known = await self._booked(uuid) if ctx.attempt > 1 else None
        if known is None:
            option = await self._option(product_id, option_id)
            body = {
                "uuid": uuid,
                "productId": product_id,
                "optionId": option_id,
                "availabilityId": availability_id,
                "unitItems": [{"unitId": option.usual_unit.id}] * places,
                "expirationMinutes": minutes,
                "resellerReference": ctx.action,
            }
            known = await self._hold(uuid, body)
        if known.is_over:
            raise ToolFailed(f"nothing is held any more: the booking is {known.status}; reserve again", ever=True)
        return known.reservation()

    async def _confirm(
        self,
        ctx: ToolContext,
        uuid: Annotated[str, Bound],
        contact_name: str,
        contact_email: Annotated[str, Bound],
        expected_total: Annotated[Decimal, Bound],
        currency: str,
    ) -> Reservation:
        """Turn a hold into a binding booking, if its price is still the expected one."""
        before = await self._booking(uuid)
        if before.status == "CONFIRMED":
            return _ours(ctx, before).reservation()
        if before.status != "ON_HOLD":
            # What has expired was never confirmed, and nothing can confirm it now.
            never = before.status == "EXPIRED"
            raise ToolFailed(f"only a hold can be confirmed; this booking is {before.status}", ever=never)
        _check_price(before, expected_total, currency)
        body = {
            "contact": {"fullName": contact_name, "emailAddress": contact_email},
            "emailReceipt": False,
            "resellerReference": ctx.action,
        }
        after = await self._octo.change(BookingDocument, "bookings", uuid, "confirm", body=body)
        if after.is_over:
            raise ToolFailed(f"the supplier has not confirmed: the booking is {after.status}")
        return after.reservation()

    async def _quote(self, ctx: ToolContext, uuid: str) -> Quote:
        """Ask what cancelling a booking would cost now. Changes nothing."""
        return (await self._quoted(uuid)).quote()

    async def _cancel(
        self,
        ctx: ToolContext,
        uuid: Annotated[str, Bound],
        reason: Annotated[str, Content] = "The booking is no longer needed.",
        max_fee: Decimal | None = None,
    ) -> Reservation:
        """Cancel a booking, at most for this fee in the booking's currency; without max_fee at any fee."""
        before = await self._booking(uuid)
        if before.is_over:
            return before.reservation()
        body = {"reason": reason}
        if max_fee is not None:
            body["quoteId"] = await self._within(uuid, max_fee)
        after = await self._octo.change(BookingDocument, "bookings", uuid, "cancel", body=body)
        return after.reservation()

    async def _release(self, ctx: ToolContext, uuid: Annotated[str, Bound]) -> Reservation:
        """Give a hold back. A confirmed booking is left alone: cancelling it is another matter.

        OCTO has no conditional cancellation: a confirmation between our look and our release is lost.
        """
        before = await self._booking(uuid)
        if before.is_over:
            return before.reservation()
        if before.status != "ON_HOLD":
            raise ToolFailed(f"not a hold any more but {before.status}: quote and use booking.cancel")
        body = {"reason": "The hold is no longer needed."}
        after = await self._octo.change(BookingDocument, "bookings", uuid, "cancel", body=body)
        return after.reservation()

    async def _booking(self, uuid: str) -> BookingDocument:
        return await self._octo.ask(BookingDocument, "GET", "bookings", uuid)

    async def _booked(self, uuid: str) -> BookingDocument | None:
        """What an earlier attempt has booked, if it has."""
        return await self._octo.find(BookingDocument, "bookings", uuid)

    async def _hold(self, uuid: str, body: dict[str, Any]) -> BookingDocument:
        try:
            return await self._octo.change(BookingDocument, "bookings", body=body)
        except Refused as refusal:
            if refusal.status != 409 or (known := await self._booked(uuid)) is None:
                raise
            return known

    async def _option(self, product_id: str, option_id: str | None) -> OptionDocument:
        product = await self._octo.ask(ProductDocument, "GET", "products", product_id)
        options = [each for each in product.default_first if option_id in (None, each.id)]
        if not options or not options[0].units:
            there_is = [each.id for each in product.options if each.units]
            raise ToolFailed(f"{product_id} has no option {option_id!r} to book; there are {there_is}")
        return options[0]

    async def _quoted(self, uuid: str) -> QuoteDocument:
        path = ("bookings", uuid, "cancel", "quote")
        try:
            return await self._octo.ask(QuoteDocument, "POST", *path, body={})
        except Refused as refusal:
            if refusal.status in (404, 405):
                raise ToolFailed("this booking server does not say what a cancellation costs") from refusal
            raise

    async def _within(self, uuid: str, max_fee: Decimal) -> str:
        """The id of a quote that stays within the limit; the server then honours its fee."""
        document = await self._quoted(uuid)
        quote = document.quote()
        if quote.cost > max_fee:
            raise ToolFailed(f"cancelling costs {quote.cost} {quote.currency} now, more than {max_fee}")
        return document.id


def booking_uuid(key: str) -> str:
    """The uuid of the booking that an action makes: known before it is made, the same at every attempt."""
    return str(UUID(hex=key[:32], version=4))


def _uuid_in(effect: Effect[Any]) -> str:
    return str(effect.arguments["uuid"])


def _ours(ctx: ToolContext, booking: BookingDocument) -> BookingDocument:
    """A booking this action has confirmed; were another's taken for ours, our undo would cancel theirs."""
    if booking.reseller_reference not in (None, ctx.action):
        raise ToolFailed("the booking is confirmed already, by another action; there is nothing to do")
    return booking


def _check_price(booking: BookingDocument, expected: Decimal, currency: str) -> None:
    price = booking.pricing
    if price is None:
        raise ToolFailed("the booking server does not tell the price, so it cannot be checked")
    if (price.amount, price.currency) != (expected, currency):
        raise ToolFailed(f"the price is {price.amount} {price.currency}, not the expected {expected} {currency}")
