"""The books of the booking server in SQLite: rows in and out, inside one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from examples.trip_desk.octo.booking import Booking, Quote
from examples.trip_desk.octo.product import Departure, Product
from examples.trip_desk.octo.refusal import Refusal
from examples.trip_desk.octo.tables import SCHEMA


def create(file: Path) -> None:
    """Make the tables in this file."""
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(SCHEMA)
    connection.close()


@contextmanager
def transaction(file: Path, mode: Literal["DEFERRED", "IMMEDIATE"]) -> Generator[Books]:
    """The books, to read or to change; an error leaves them as they were."""
    connection = sqlite3.connect(file, timeout=30, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute(f"BEGIN {mode}")
        books = Books(connection)
        if mode == "IMMEDIATE":
            books.expire_holds()
        yield books
        connection.execute("COMMIT")
    finally:
        connection.close()  # an open transaction is rolled back


@dataclass(frozen=True)
class Books:
    """The rows inside one transaction."""

    connection: sqlite3.Connection

    def add_products(self, products: Iterable[Product]) -> None:
        rows = [(each.id, json.dumps(asdict(each))) for each in products]
        self.connection.executemany("INSERT INTO products VALUES (?, ?)", rows)

    def add_departures(self, departures: Iterable[Departure]) -> None:
        rows = [(d.product_id, d.id, _stored(d.starts), _stored(d.ends), d.capacity) for d in departures]
        self.connection.executemany("INSERT INTO departures VALUES (?, ?, ?, ?, ?)", rows)

    def expire_holds(self) -> None:
        self.connection.execute(
            "UPDATE bookings SET status = 'EXPIRED', updated = expires WHERE status = 'ON_HOLD' AND expires <= ?",
            (_stored(now()),),
        )

    def products(self) -> list[Product]:
        rows = self.connection.execute("SELECT document FROM products ORDER BY rowid")
        return [Product.parse(json.loads(row["document"])) for row in rows]

    def product(self, product_id: str) -> Product:
        products = self.products()
        for product in products:
            if product.id == product_id:
                return product
        known = [each.id for each in products]
        raise Refusal("INVALID_PRODUCT_ID", f"no product {product_id!r}; there are {known}")

    def departures(self, product_id: str) -> list[Departure]:
        rows = self.connection.execute("SELECT * FROM departures WHERE product_id = ? ORDER BY starts", (product_id,))
        return [_departure(row) for row in rows]

    def departure(self, product_id: str, availability_id: str) -> Departure:
        row = self.connection.execute(
            "SELECT * FROM departures WHERE product_id = ? AND id = ?", (product_id, availability_id)
        ).fetchone()
        if row is None:
            raise Refusal("INVALID_AVAILABILITY_ID", f"{product_id} has no availability {availability_id!r}")
        return _departure(row)

    def vacancies(self, departure: Departure) -> int:
        taken = self.connection.execute(
            "SELECT coalesce(sum(places), 0) FROM bookings WHERE product_id = ? AND availability_id = ?"
            " AND status IN ('ON_HOLD', 'CONFIRMED')",
            (departure.product_id, departure.id),
        ).fetchone()[0]
        return departure.capacity - taken

    def find(self, uuid: str) -> Booking | None:
        row = self.connection.execute("SELECT * FROM bookings WHERE uuid = ?", (uuid,)).fetchone()
        return None if row is None else _booking(row)

    def booking(self, uuid: str) -> Booking:
        if booking := self.find(uuid):
            return booking
        raise Refusal("INVALID_BOOKING_UUID", f"there is no booking {uuid!r}")

    def bookings(self, reference: str | None) -> list[Booking]:
        rows = self.connection.execute(
            "SELECT * FROM bookings WHERE ? IS NULL OR reseller_reference = ? ORDER BY created, rowid",
            (reference, reference),
        )
        return [_booking(row) for row in rows]

    def insert(self, booking: Booking) -> None:
        row = _row(booking)
        marks = ", ".join(f":{column}" for column in row)
        self.connection.execute(f"INSERT INTO bookings ({', '.join(row)}) VALUES ({marks})", row)

    def update(self, booking: Booking, **changes: Any) -> Booking:
        changed = replace(booking, updated=now(), **changes)
        row = _row(changed)
        sets = ", ".join(f"{column} = :{column}" for column in row)
        self.connection.execute(f"UPDATE bookings SET {sets} WHERE uuid = :uuid", row)
        return changed

    def fee(self, booking: Booking) -> int:
        """What cancelling costs now, in minor units; a hold is free, a trip that began stays."""
        if booking.status == "ON_HOLD":
            return 0
        if booking.status != "CONFIRMED":
            raise Refusal("UNPROCESSABLE_ENTITY", f"nothing to cancel: the booking is {booking.status}")
        departure = self.departure(booking.product_id, booking.availability_id)
        if now() >= departure.starts:
            raise Refusal("UNPROCESSABLE_ENTITY", f"not cancellable: it began at {departure.id}")
        return self.product(booking.product_id).terms.fee(booking.total, departure.starts, now())

    def insert_quote(self, quote: Quote) -> None:
        row = (quote.id, quote.booking_uuid, quote.status, quote.fee, _stored(quote.expires))
        self.connection.execute("INSERT INTO quotes VALUES (?, ?, ?, ?, ?)", row)

    def quoted_fee(self, quote_id: str, booking: Booking) -> int:
        """The fee that was quoted for this booking, if the quote still stands."""
        row = self.connection.execute(
            "SELECT * FROM quotes WHERE id = ? AND booking_uuid = ?", (quote_id, booking.uuid)
        ).fetchone()
        if row is None:
            raise Refusal("INVALID_QUOTE_ID", f"there is no quote {quote_id!r} for this booking")
        if row["status"] != booking.status or row["expires"] <= _stored(now()):
            raise Refusal("INVALID_QUOTE_ID", f"the quote {quote_id!r} no longer stands; ask for another")
        return row["fee"]


_TIMES = ("created", "updated", "expires", "confirmed", "cancelled")


def _row(booking: Booking) -> dict[str, Any]:
    row = {field.name: getattr(booking, field.name) for field in fields(booking)}
    row |= {column: _stored(row[column]) for column in _TIMES if row[column]}
    row["contact"] = json.dumps(row["contact"]) if row["contact"] is not None else None
    return {**row, "unit_ids": json.dumps(booking.unit_ids), "places": len(booking.unit_ids)}


def _booking(row: sqlite3.Row) -> Booking:
    data: dict[str, Any] = dict(row)
    del data["places"]
    data |= {column: datetime.fromisoformat(data[column]) for column in _TIMES if data[column]}
    data["contact"] = json.loads(data["contact"]) if data["contact"] else None
    data["unit_ids"] = tuple(json.loads(data["unit_ids"]))
    return Booking(**data)


def _departure(row: sqlite3.Row) -> Departure:
    starts = datetime.fromisoformat(row["id"])
    ends = datetime.fromisoformat(row["ends"]).astimezone(starts.tzinfo)
    return Departure(row["product_id"], starts, ends, row["capacity"])


def now() -> datetime:
    return datetime.now(UTC)


def _stored(moment: datetime) -> str:
    """UTC in a form that sorts as text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
