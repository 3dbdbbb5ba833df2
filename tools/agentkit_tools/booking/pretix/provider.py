"""One event of a pretix ticket shop, as a provider of the booking tools."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, PrivateAttr, SecretStr

from agentkit.effects import Idempotent, Keyed, Quote
from agentkit.errors import ToolFailed, ToolPartial
from agentkit_tools.booking.pretix.documents import (
    ONLY_OPTION,
    OPEN,
    EventDocument,
    ItemDocument,
    OrderDocument,
    PaymentDocument,
    QuotaDocument,
    RefundDocument,
    availability,
)
from agentkit_tools.booking.pretix.shop import Shop, worded
from agentkit_tools.booking.provider import Check, Contact, Order, Price, Promises
from agentkit_tools.booking.reservation import Availability, Product, Reservation
from agentkit_tools.booking.server import Refused, Server, Unread, after_a_change
from agentkit_tools.secrecy import require_https

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ34567890"
"""32 of the signs that pretix allows in an order code."""
RETENTION = timedelta(days=365)
"""An order code is taken for as long as the order exists, and pretix deletes none that is not a test."""
SETTLED_BY = "manual"
"""The payment provider of money that is settled outside the shop, by invoice or voucher, as resellers do."""


class Pretix(BaseModel):
    """Where the shop is, which event it is about, and a team's API token; `repr` never shows the token.

    A hold is a pending order with a payment that waits; confirming confirms that very payment. So no other amount
    than the expected one is ever paid: when staff reprices the order between our look and the payment, the order
    stays pending and the action ends as partial.

    Raises:
        ValueError: a URL that is neither https nor on the loopback.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: Annotated[str, AfterValidator(require_https)]
    """The shop's root, such as https://pretix.eu."""
    organizer: str
    event: str
    token: SecretStr
    timeout: float = 20
    """Seconds to wait for an answer."""
    _about: EventDocument | None = PrivateAttr(default=None)

    @property
    def promises(self) -> Promises:
        """What pretix keeps, found by its source and by trying.

        Its `X-Idempotency-Key` is not what this rests on: a key is kept for 24 hours only, is forgotten after a 500
        though the order may stand, replays a refusal for ever, and answers another body with the first one's order.
        The order's code is the reseller's to choose, and unique in the database. No status is final: a paid order can
        be cancelled, and what has expired can be extended or paid.
        """
        return Promises(
            reserve=Keyed(RETENTION),
            confirm=Idempotent(),
            cancel=Idempotent(),
            final=frozenset(),
        )

    def uuid(self, key: str) -> str:
        """An order code out of the key: 16 signs, 80 bits."""
        return "".join(ALPHABET[byte % 32] for byte in hashlib.sha256(key.encode()).digest()[:16])

    async def products(self) -> list[Product]:
        """The active items; each variation is an option."""
        event = await self._event()
        return [item.product(event) for item in await self._shop.all(ItemDocument, "items") if item.active]

    async def availability(self, product_id: str, first: date, last: date, places: int) -> list[Availability]:
        """By the quotas; the price is what an order, simulated by the shop, would cost."""
        event, item = await self._event(), await self._shop.item(product_id)
        quotas = await self._shop.all(QuotaDocument, "quotas", with_availability="true")
        found: list[Availability] = []
        for key, on in (await self._shop.dates(event, first, last)).items():
            for option in item.prices:
                of_it = [quota for quota in quotas if quota.covers(product_id, option, on.subevent)]
                found.append(await self._priced(event, availability(on, key, item, option, of_it, places), places))
        return found

    async def find(self, uuid: str) -> Reservation | None:
        """The order of this code."""
        document = await self._shop.find(uuid)
        return document and await self._read(document)

    async def find_all(self, reference: str) -> list[Reservation]:
        """The shop's search looks into the comment, where our actions stand; its hits are looked at again."""
        hits = await self._shop.search(reference)
        return [await self._read(order) for order in hits if reference in order.marks.values()]

    async def reserve(self, order: Order) -> Reservation:
        """A pending order under our own code. When the shop refuses, the code tells whether it already has it."""
        body = self._body(order)
        try:
            made = await self._shop.change(OrderDocument, "POST", "orders", body=body)
        except Refused:
            if known := await self.find(order.uuid):
                return known
            raise
        except httpx.HTTPStatusError as broken:
            return await self._after(broken, order.uuid)
        with after_a_change():
            return await self._read(made)

    async def _after(self, broken: httpx.HTTPStatusError, uuid: str) -> Reservation:
        """What a request has left that ended in pretix's own 500, as in a crowd; a gateway's 502 ends nothing."""
        if broken.response.status_code != 500:
            raise broken
        try:
            known = await self.find(uuid)
        except ToolFailed:
            raise broken from None
        if known is None:
            raise ToolFailed("the shop broke down over this order and has not made it; try again") from broken
        return known

    async def extend(self, uuid: str, until: datetime) -> Reservation:
        """Until the end of a day: pretix knows nothing finer."""
        day = until.astimezone(ZoneInfo((await self._event()).timezone)).date()
        body = {"expires": day.isoformat()}
        extended = await self._shop.change(OrderDocument, "POST", "orders", uuid, "extend", body=body)
        with after_a_change():
            return await self._read(extended)

    async def confirm(self, uuid: str, contact: Contact, price: Price, reference: str) -> Reservation:
        """Says whom it is for and who confirms, then confirms the payment that waits for exactly this price."""
        before = await self._shop.order(uuid)
        payment = before.open_payment(price.amount)
        if payment is None or before.total != price.amount:
            elsewhere = "or was not reserved by booking.reserve"
            raise ToolFailed(f"no payment of {price} waits on this order: it costs {before.total} now, {elsewhere}")
        await self._note(before, {"confirmed": reference}, contact)
        await self._pay(before, payment, reference)
        with after_a_change():
            order = await self._shop.order(uuid)
            after = await self._read(order)
        if after.status != "CONFIRMED":
            what_now = f"the order is {after.status} and costs {order.total} now; ask the shop"
            raise ToolPartial(f"{price} is paid, but {what_now}", after)
        return after

    async def quote_cancellation(self, uuid: str) -> Quote:
        """By the shop's rules for its buyers; the fee is ours to say, and is said when cancelling."""
        order = await self._shop.order(uuid)
        if order.booking_status != "CONFIRMED":
            return Quote(Decimal(0), (await self._event()).currency)
        return (await self._shop.terms(order)).quote(order)

    async def cancel(
        self, uuid: str, reason: str, max_fee: Decimal | None, reference: str, check: Check | None = None
    ) -> Reservation:
        """Cancel, keeping the fee, then note the refund that is due; a second time, only what is still missing.

        pretix cancels without conditions: a payment between our look and the request, as we note our name, is lost.
        """
        before, gave_up = await self._shop.order(uuid), False
        if before.booking_status != "CANCELLED":
            if check:
                check(await self._read(before))
            fee = await self._fee(before, max_fee)
            await self._note(before, {"cancelled": reference})
            gave_up = await self._give_up(before, reason, fee)
        with after_a_change():
            return await self._settled(uuid, reference, gave_up)

    async def _settled(self, uuid: str, reference: str, gave_up: bool) -> Reservation:
        """A cancelled order whose refund is noted. That of somebody else's cancellation is theirs to note."""
        after = await self._shop.order(uuid)
        if after.owed > 0:
            if not (gave_up or after.marks.get("cancelled") == reference):
                partly = f"cancelled, but {after.owed} is owed and no refund is noted; ask the shop"
                raise ToolPartial(partly, await self._read(after))
            await self._refund(after, reference)
        return await self._read(after)

    def _body(self, order: Order) -> dict[str, Any]:
        """The same bytes at every attempt."""
        variation = None if order.option_id == ONLY_OPTION else _number(order.option_id)
        date = None if order.availability_id == self.event else _number(order.availability_id)
        position = {"item": _number(order.product_id), "variation": variation, "subevent": date}
        return {
            "code": order.uuid,
            "status": "n",
            "expires": order.until.isoformat(),
            "payment_provider": SETTLED_BY,
            "send_email": False,
            "comment": f"agentkit {order.reference}",
            "api_meta": {"agentkit": {"reserved": order.reference}},
            "positions": [position] * order.places,
        }

    async def _note(self, order: OrderDocument, marks: Mapping[str, str], contact: Contact | None = None) -> None:
        """Write on the order which action is about to change it. What others had noted there when we looked stays.

        The comment is what the shop's search looks into.
        """
        body: dict[str, Any] = {"api_meta": {**order.api_meta, "agentkit": {**order.marks, **marks}}}
        body["comment"] = " ".join([order.comment, *(mark for mark in marks.values() if mark not in order.comment)])
        if contact:
            name = {"_scheme": "full", "full_name": contact.name}
            body |= {"email": contact.email, "invoice_address": {"name_parts": name}}
        await self._shop.change(OrderDocument, "PATCH", "orders", order.code, body=body)

    async def _pay(self, before: OrderDocument, payment: PaymentDocument, reference: str) -> None:
        """Our name and the contact are on the order by now, so nothing that goes wrong here counts as a failure."""
        path = ("orders", before.code, "payments", str(payment.local_id), "confirm")
        try:
            await self._shop.change(PaymentDocument, "POST", *path, body={"send_email": False})
        except Refused as refusal:
            with after_a_change():
                await self._refused(before, payment, reference, refusal)
        except ToolFailed as unsent:
            raise Unread(f"noted on the order, not confirmed yet: {unsent}") from unsent

    async def _refused(self, before: OrderDocument, payment: PaymentDocument, reference: str, refusal: Refused) -> None:
        """Returns if it is paid all the same: by an earlier attempt, or as pretix took the money and refused the order.

        A booking that is confirmed, though none of our attempts was there before, is another's: our name goes off.
        """
        order, again = await self._shop.order(before.code), before.marks.get("confirmed") == reference
        state = order.state_of(payment)
        if state in OPEN and not again:
            raise ToolPartial(f"noted on the order, not confirmed: {refusal}", await self._read(order))
        if state in OPEN:
            raise Unread(f"not confirmed, but an earlier attempt may be: {refusal}") from refusal
        if state != "confirmed" or (order.booking_status == "CONFIRMED" and not again):
            await self._note(order, {"confirmed": f"{reference}?"})
            raise Unread(f"the payment is {state}, and somebody else may have done that: {refusal}") from refusal

    async def _fee(self, order: OrderDocument, max_fee: Decimal | None) -> Decimal:
        if order.booking_status != "CONFIRMED":
            return Decimal(0)
        quote = (await self._shop.terms(order)).quote(order)
        if quote.cost is None:
            raise ToolFailed(quote.note)
        if max_fee is not None and quote.cost > max_fee:
            raise ToolFailed(f"cancelling costs {quote.cost} {quote.currency} now, more than {max_fee}")
        return quote.cost

    async def _give_up(self, order: OrderDocument, reason: str, fee: Decimal) -> bool:
        """Whether it was this request that cancelled.

        A refusal counts only if the order still stands: an earlier attempt may have come first.
        """
        body = {"send_email": False, "comment": reason, "cancellation_fee": str(fee) if fee else None}
        try:
            await self._shop.change(OrderDocument, "POST", "orders", order.code, "mark_canceled", body=body)
        except Refused:
            with after_a_change():
                now = await self._shop.order(order.code)
            if now.booking_status != "CANCELLED":
                raise
            return False
        return True

    async def _refund(self, order: OrderDocument, reference: str) -> None:
        """Noted once: looked for first, and known to the shop by a key in case an earlier request is on its way."""
        payment = next((each for each in order.payments if each.state == "confirmed"), None)
        body = {
            "state": "created",
            "source": "admin",
            "provider": payment.provider if payment else SETTLED_BY,
            "payment": payment and payment.local_id,
            "amount": str(order.owed),
            "comment": f"agentkit {reference}",
        }
        key = hashlib.sha256(f"{order.code} {body}".encode()).hexdigest()
        try:
            await self._shop.change(RefundDocument, "POST", "orders", order.code, "refunds", body=body, key=key)
        except Refused as refusal:
            partly = f"cancelled, but the refund of {order.owed} is not noted: {refusal}"
            raise ToolPartial(partly, await self._read(order)) from refusal

    async def _read(self, order: OrderDocument) -> Reservation:
        status = order.booking_status
        cancellable = status == "ON_HOLD" or (status == "CONFIRMED" and (await self._shop.terms(order)).allowed)
        return order.reservation(await self._event(), cancellable=cancellable)

    async def _priced(self, event: EventDocument, found: Availability, places: int) -> Availability:
        """Discounts and the prices of single dates are the shop's to apply."""
        if not found.available:
            return found
        soon = datetime.now(UTC) + timedelta(minutes=30)
        wanted = Order("", found.product_id, found.option_id, found.id, places, 30, soon, "")
        preview = await self._shop.preview(self._body(wanted))
        return found.model_copy(update={"total": preview.total, "currency": event.currency})

    async def _event(self) -> EventDocument:
        """Its currency, time zone and kind, which stay as they are once something is sold."""
        if self._about is None or self._about.slug != self.event:
            self._about = await self._shop.event()
        return self._about

    @property
    def _shop(self) -> Shop:
        """409: pretix is still at work on this very request, or could not get its lock."""
        headers = {"Authorization": f"Token {self.token.get_secret_value()}"}
        server = Server(self.url, headers, self.timeout, worded, busy=frozenset({409, 429}))
        return Shop(server, self.organizer, self.event)


def _number(id: str) -> int:
    if id.isascii() and id.isdigit():
        return int(id)
    raise ToolFailed(f"{id!r} is no id of this shop; booking.products and booking.search_availability tell them")
