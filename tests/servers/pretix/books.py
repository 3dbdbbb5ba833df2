"""The database of the shop: what an outsider reads there, and what the shop's own staff changes behind our back."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

ORDERS = """
SELECT o.code, o.status, o.total, o.email, o.expires, o.comment, o.api_meta, e.slug AS event,
    (SELECT count(*) FROM pretixbase_orderposition p WHERE p.order_id = o.id AND NOT p.canceled) AS places,
    (SELECT group_concat(p.state || ' ' || p.amount) FROM pretixbase_orderpayment p WHERE p.order_id = o.id) payments,
    (SELECT group_concat(r.state || ' ' || r.amount) FROM pretixbase_orderrefund r WHERE r.order_id = o.id) refunds
FROM pretixbase_order o JOIN pretixbase_event e ON e.id = o.event_id ORDER BY o.id
"""


@dataclass(frozen=True)
class Order:
    """One order as it stands in the database."""

    code: str
    status: str
    """n pending, p paid, e expired, c cancelled."""
    total: Decimal
    email: str | None
    expires: str
    comment: str
    meta: dict[str, Any]
    event: str
    places: int
    """Those not cancelled."""
    payments: tuple[str, ...]
    """Such as `confirmed 25`."""
    refunds: tuple[str, ...]

    @property
    def stands(self) -> bool:
        """Whether it takes places."""
        return self.status in "np" and self.places > 0


@dataclass(frozen=True)
class Books:
    """One SQLite file, which the running shop uses too."""

    file: Path

    def orders(self) -> list[Order]:
        """Every order, oldest first."""
        with closing(self._connection()) as database:
            return [_order(row) for row in database.execute(ORDERS)]

    def order(self, code: str) -> Order:
        """The order with this code; there is no second one."""
        (found,) = [order for order in self.orders() if order.code == code]
        return found

    def count(self, reference: str) -> int:
        """How many orders that take places carry this reference."""
        return sum(order.stands and reference in order.comment for order in self.orders())

    def set_price(self, product: str, price: str) -> None:
        """The shop sells at another price from now on."""
        self._change("UPDATE pretixbase_item SET default_price = ? WHERE id = ?", price, product)

    def reprice(self, code: str, total: str) -> None:
        """Staff changes what this order costs."""
        self._change("UPDATE pretixbase_order SET total = ? WHERE code = ?", total, code)

    def let_expire(self, code: str) -> None:
        """The order's time is over; the shop has not looked at it yet."""
        past = str(datetime.now(UTC).replace(tzinfo=None) - timedelta(minutes=1))
        self._change("UPDATE pretixbase_order SET expires = ? WHERE code = ?", past, code)

    def forget_keys(self) -> None:
        """The shop forgets which requests it has answered, as it does after a day."""
        with closing(self._connection()) as database, database:
            database.execute("DELETE FROM pretixapi_apicall")

    def resize(self, date: str, size: int) -> None:
        """The date has so many places from now on."""
        self._change("UPDATE pretixbase_quota SET size = ? WHERE subevent_id = ?", size, date)

    def set_rule(self, event: str, key: str, value: str) -> None:
        """The shop has another rule from now on, such as `cancel_allow_user_paid`. (It may answer by a kept copy.)"""
        self._change(
            "UPDATE pretixbase_event_settingsstore SET value = ? WHERE key = ? AND object_id ="
            " (SELECT id FROM pretixbase_event WHERE slug = ?)",
            value,
            key,
            event,
        )

    def _change(self, statement: str, *values: Any) -> None:
        with closing(self._connection()) as database, database:
            changed = database.execute(statement, values).rowcount
        if changed < 1:
            raise LookupError(f"nothing to change: {statement} {values}")

    def _connection(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.file, timeout=30)
        database.row_factory = sqlite3.Row
        return database


def _order(row: sqlite3.Row) -> Order:
    return Order(
        code=row["code"],
        status=row["status"],
        total=Decimal(str(row["total"])),
        email=row["email"],
        expires=row["expires"],
        comment=row["comment"] or "",
        meta=json.loads(row["api_meta"] or "{}"),
        event=row["event"],
        places=row["places"],
        payments=_listed(row["payments"]),
        refunds=_listed(row["refunds"]),
    )


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()
