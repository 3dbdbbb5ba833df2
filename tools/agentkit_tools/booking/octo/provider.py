"""A booking server that speaks OCTO 1.0, as a provider of the booking tools."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr

from agentkit.effects import Idempotent, Keyed, Quote
from agentkit.errors import ToolFailed
from agentkit_tools.booking.octo.documents import (
    AvailabilityDocument,
    BookingDocument,
    OptionDocument,
    ProductDocument,
    QuoteDocument,
)
from agentkit_tools.booking.provider import Check, Contact, Order, Price, Promises
from agentkit_tools.booking.reservation import Availability, Product, Reservation
from agentkit_tools.booking.server import Refusal, Refused, Server
from agentkit_tools.secrecy import require_https

RETENTION = timedelta(days=30)
"""OCTO: the uuid is the booking's own, and a server knows its bookings; so much is asked of it here."""


class NoQuotes(ToolFailed):
    """The server speaks the standard alone, which knows no price of a cancellation."""


class Octo(BaseModel):
    """Where the server is and the token that opens it; `repr` never shows the token.

    OCTO confirms without naming a price: one that changes between our look at the hold and the confirmation that
    follows at once is paid. (Suppliers keep the price of a hold; nothing in the standard makes them.)

    Raises:
        ValueError: a URL that is neither https nor on the loopback.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: Annotated[str, AfterValidator(require_https)]
    token: SecretStr
    timeout: float = 20
    """Seconds to wait for an answer."""

    @property
    def promises(self) -> Promises:
        """A booking has an id of its own. One that has expired was never confirmed."""
        return Promises(
            reserve=Keyed(RETENTION),
            confirm=Idempotent(),
            cancel=Idempotent(),
            final=frozenset({"EXPIRED"}),
        )

    def uuid(self, key: str) -> str:
        """A UUID out of the key: the standard's own idempotency key."""
        return str(UUID(hex=key[:32], version=4))

    async def products(self) -> list[Product]:
        """GET /products."""
        found = await self._server.ask(list[ProductDocument], "GET", "products")
        return [document.product() for document in found]

    async def availability(self, product_id: str, first: date, last: date, places: int) -> list[Availability]:
        """POST /availability, once for each option; a place is an adult's, or else of the first unit there is."""
        product = await self._server.ask(ProductDocument, "GET", "products", product_id)
        found: list[Availability] = []
        for option in (each for each in product.default_first if each.units):
            body = {
                "productId": product_id,
                "optionId": option.id,
                "localDateStart": first.isoformat(),
                "localDateEnd": last.isoformat(),
                "units": [{"id": option.usual_unit.id, "quantity": places}],
            }
            documents = await self._server.ask(list[AvailabilityDocument], "POST", "availability", body=body)
            found += [document.availability(product_id, option.id) for document in documents]
        return found

    async def find(self, uuid: str) -> Reservation | None:
        """GET /bookings/{uuid}."""
        document = await self._server.find(BookingDocument, "bookings", uuid)
        return document and document.reservation()

    async def find_all(self, reference: str) -> list[Reservation]:
        """GET /bookings?resellerReference=."""
        query = {"resellerReference": reference}
        found = await self._server.ask(list[BookingDocument], "GET", "bookings", query=query)
        return [document.reservation() for document in found]

    async def reserve(self, order: Order) -> Reservation:
        """POST /bookings. A server that refuses a known uuid instead of answering with its booking is asked for it."""
        option = await self._option(order.product_id, order.option_id)
        body = {
            "uuid": order.uuid,
            "productId": order.product_id,
            "optionId": order.option_id,
            "availabilityId": order.availability_id,
            "unitItems": [{"unitId": option.usual_unit.id}] * order.places,
            "expirationMinutes": order.minutes,
            "resellerReference": order.reference,
        }
        try:
            return (await self._server.change(BookingDocument, "POST", "bookings", body=body)).reservation()
        except Refused as refusal:
            if refusal.status != 409 or (known := await self.find(order.uuid)) is None:
                raise
            return known

    async def extend(self, uuid: str, until: datetime) -> Reservation:
        """POST /bookings/{uuid}/extend, in whole minutes from when it arrives."""
        minutes = ceil((until - datetime.now(UTC)) / timedelta(minutes=1))
        return await self._change(uuid, "extend", {"expirationMinutes": minutes})

    async def confirm(self, uuid: str, contact: Contact, price: Price, reference: str) -> Reservation:
        """POST /bookings/{uuid}/confirm; the server sends no mail."""
        who = {"fullName": contact.name, "emailAddress": contact.email}
        body = {"contact": who, "emailReceipt": False, "resellerReference": reference}
        return await self._change(uuid, "confirm", body)

    async def quote_cancellation(self, uuid: str) -> Quote:
        """Not in the standard; asked in Duffel's two steps, where the server knows them."""
        return (await self._quoted(uuid)).quote()

    async def cancel(
        self, uuid: str, reason: str, max_fee: Decimal | None, reference: str, check: Check | None = None
    ) -> Reservation:
        """POST /bookings/{uuid}/cancel. With a limit the fee is quoted first; a server that quotes then honours it.

        A quote is for the booking as it is, and the check looks before and after it: a hold which somebody confirms
        meanwhile is not cancelled. Where nothing is quoted, a confirmation that follows the check at once is lost.
        """
        before = await self._known(uuid, check)
        if before.is_over:
            return before
        quoted = {} if max_fee is None else await self._within(before, max_fee)
        if check:
            await self._known(uuid, check)
        return await self._change(uuid, "cancel", {"reason": reason, **quoted})

    async def _known(self, uuid: str, check: Check | None) -> Reservation:
        found = await self.find(uuid)
        if found is None:
            raise ToolFailed(f"the booking server knows no booking {uuid!r}")
        if check and not found.is_over:
            check(found)
        return found

    async def _change(self, uuid: str, what: str, body: dict[str, Any]) -> Reservation:
        return (await self._server.change(BookingDocument, "POST", "bookings", uuid, what, body=body)).reservation()

    async def _option(self, product_id: str, option_id: str) -> OptionDocument:
        product = await self._server.ask(ProductDocument, "GET", "products", product_id)
        for option in product.options:
            if option.id == option_id and option.units:
                return option
        there_is = [each.id for each in product.options if each.units]
        raise ToolFailed(f"{product_id} has no option {option_id!r} to book; there are {there_is}")

    async def _quoted(self, uuid: str) -> QuoteDocument:
        path = ("bookings", uuid, "cancel", "quote")
        try:
            return await self._server.ask(QuoteDocument, "POST", *path, body={})
        except Refused as refusal:
            if refusal.status in (404, 405):
                raise NoQuotes("this booking server does not say what a cancellation costs") from refusal
            raise

    async def _within(self, booking: Reservation, max_fee: Decimal) -> dict[str, str]:
        """The id of a quote that stays within the limit. A hold costs nothing, also where nothing is quoted."""
        try:
            document = await self._quoted(booking.uuid)
        except NoQuotes:
            if booking.status == "ON_HOLD":
                return {}
            raise
        quote = document.quote()
        if quote.cost is None or quote.cost > max_fee:
            raise ToolFailed(f"cancelling costs {quote.cost} {quote.currency} now, more than {max_fee}")
        return {"quoteId": document.id}

    @property
    def _server(self) -> Server:
        token = self.token.get_secret_value()
        headers = {"Authorization": f"Bearer {token}", "Octo-Capabilities": "octo/pricing"}
        return Server(self.url, headers, self.timeout, _worded)


def _worded(document: Mapping[str, Any]) -> Refusal:
    return Refusal(str(document.get("error", "")), str(document.get("errorMessage", "")))
