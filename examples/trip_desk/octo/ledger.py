"""The ledger of the booking server: each question and each change is one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from examples.trip_desk.octo.booking import Booking, Order, Quote
from examples.trip_desk.octo.product import Departure, Product
from examples.trip_desk.octo.refusal import Refusal
from examples.trip_desk.octo.sql import Books, now, transaction

QUOTE_LASTS = timedelta(minutes=15)


@dataclass(frozen=True)
class Ledger:
    """Products, departures and bookings in one SQLite file."""

    file: Path

    def stock(self, products: Iterable[Product], departures: Iterable[Departure]) -> None:
        """Put products and departures on sale."""
        with self._changing() as books:
            books.add_products(products)
            books.add_departures(departures)

    def products(self) -> list[Product]:
        with self._reading() as books:
            return books.products()

    def product(self, product_id: str) -> Product:
        with self._reading() as books:
            return books.product(product_id)

    def departures(self, product_id: str, first: date, last: date) -> list[tuple[Departure, int]]:
        """The departures on these local days, each with the places still free."""
        with self._changing() as books:
            found = [each for each in books.departures(product_id) if first <= each.starts.date() <= last]
            return [(each, books.vacancies(each)) for each in found]

    def reserve(self, order: Order) -> Booking:
        """Hold places; the same order again is the same booking."""
        with self._changing() as books:
            if known := books.find(order.uuid):
                return _same_order(known, order)
            booking = _hold(order, books)
            books.insert(booking)
            return booking

    def extend(self, uuid: str, minutes: float) -> Booking:
        """Let a hold last so many minutes from now."""
        with self._changing() as books:
            booking = _on_hold(books.booking(uuid), "extended")
            return books.update(booking, expires=now() + timedelta(minutes=minutes))

    def confirm(self, uuid: str, contact: Mapping[str, Any], reference: str | None) -> Booking:
        """Turn a hold into a sale; a confirmed booking stays as it is."""
        with self._changing() as books:
            booking = books.booking(uuid)
            if booking.status == "CONFIRMED":
                return booking
            hold = _on_hold(booking, "confirmed")
            reference = reference or hold.reseller_reference
            sold: dict[str, Any] = {"status": "CONFIRMED", "expires": None, "confirmed": now()}
            return books.update(hold, contact=contact, reseller_reference=reference, **sold)

    def quote_cancellation(self, uuid: str) -> Quote:
        """What cancelling would cost now, honoured for a while."""
        with self._changing() as books:
            booking = books.booking(uuid)
            quote = Quote(str(uuid4()), uuid, booking.status, books.fee(booking), now() + QUOTE_LASTS)
            books.insert_quote(quote)
            return quote

    def cancel(self, uuid: str, reason: str | None, quote_id: str | None) -> Booking:
        """Give the places back; what is cancelled or expired already stays as it is."""
        with self._changing() as books:
            booking = books.booking(uuid)
            if not booking.takes_places:
                return booking
            fee = books.fee(booking) if quote_id is None else books.quoted_fee(quote_id, booking)
            ended: dict[str, Any] = {"status": "CANCELLED", "expires": None, "cancelled": now()}
            return books.update(booking, fee=fee, reason=reason, **ended)

    def booking(self, uuid: str) -> Booking:
        with self._changing() as books:
            return books.booking(uuid)

    def bookings(self, reference: str | None = None) -> list[Booking]:
        """Every booking, or those that carry this reseller reference, oldest first."""
        with self._changing() as books:
            return books.bookings(reference)

    def _reading(self) -> AbstractContextManager[Books]:
        return transaction(self.file, "DEFERRED")

    def _changing(self) -> AbstractContextManager[Books]:
        """Nobody else changes anything meanwhile, so two orders never take the same place."""
        return transaction(self.file, "IMMEDIATE")


def _same_order(known: Booking, order: Order) -> Booking:
    if known.digest != order.digest:
        raise Refusal("CONFLICT", f"the uuid {order.uuid} already belongs to a booking with another body")
    return known


def _hold(order: Order, books: Books) -> Booking:
    product, departure = _what_is_sold(order, books)
    free = books.vacancies(departure)
    if len(order.unit_ids) > free:
        raise Refusal("UNPROCESSABLE_ENTITY", f"{len(order.unit_ids)} places asked for, {free} left")
    moment = now()
    if moment >= departure.starts - timedelta(hours=product.sales_close):
        raise Refusal("UNPROCESSABLE_ENTITY", f"sales for {departure.id} are closed")
    return Booking(
        uuid=order.uuid,
        digest=order.digest,
        product_id=product.id,
        option_id=product.option_id,
        availability_id=departure.id,
        unit_ids=order.unit_ids,
        total=_total(product, order.unit_ids),
        status="ON_HOLD",
        created=moment,
        updated=moment,
        expires=moment + timedelta(minutes=order.minutes),
        notes=order.notes,
        reseller_reference=order.reseller_reference,
    )


def _what_is_sold(order: Order, books: Books) -> tuple[Product, Departure]:
    product = books.product(order.product_id)
    if order.option_id != product.option_id:
        raise Refusal("INVALID_OPTION_ID", f"no option {order.option_id!r}; there is {product.option_id!r}")
    return product, books.departure(product.id, order.availability_id)


def _total(product: Product, unit_ids: Iterable[str]) -> int:
    total = 0
    for unit_id in unit_ids:
        unit = product.unit(unit_id)
        if unit is None:
            known = [each.id for each in product.units]
            raise Refusal("INVALID_UNIT_ID", f"no unit {unit_id!r}; there are {known}")
        total += unit.price
    return total


def _on_hold(booking: Booking, what: str) -> Booking:
    if booking.status != "ON_HOLD":
        raise Refusal("UNPROCESSABLE_ENTITY", f"only a hold can be {what}; this booking is {booking.status}")
    return booking
