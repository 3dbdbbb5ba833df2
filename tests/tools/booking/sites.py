"""The two booking servers under one face: what tests of the booking tools need to know, see and do at either."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from agentkit_tools.booking import Booking, Octo, Pretix
from tests.servers import octo, pretix
from tests.servers.proxy import Proxy

Change = Literal["reserve", "extend", "confirm", "cancel"]
WHO = {"contact_name": "Ann Doe", "contact_email": "ann@example.test"}


class Site(ABC):
    """One running server, its kit behind a proxy, and its books."""

    kit: Booking
    proxy: Proxy
    wire: dict[Change, bytes]
    """How the request of each change begins."""
    price: Decimal
    """Of one place."""
    fee: Decimal
    """Of cancelling one confirmed place in time."""
    percent: int
    """The same as a part of the price."""

    def wish(self, where: str = "roomy", places: int = 1, minutes: int = 30) -> dict[str, Any]:
        """What to reserve."""
        return {**self.ids(where), "places": places, "minutes": minutes}

    def agreed(self, uuid: str, places: int = 1) -> dict[str, Any]:
        """What to confirm."""
        return {"uuid": uuid, **WHO, "expected_total": self.price * places, "currency": "EUR"}

    @abstractmethod
    def ids(self, where: str) -> dict[str, str]:
        """Product, option and availability."""

    @abstractmethod
    def day(self, where: str) -> date:
        """The local day of a departure."""

    @abstractmethod
    def status(self, uuid: str) -> str:
        """How a booking stands in the books; ABSENT if it does not."""

    @abstractmethod
    def standing(self) -> int:
        """How many bookings take places."""

    @abstractmethod
    def held_until(self, uuid: str) -> datetime:
        """When the books let a hold end."""

    @abstractmethod
    def fee_of(self, uuid: str) -> Decimal:
        """What a cancelled booking has cost, by the books."""

    @abstractmethod
    def world(self) -> dict[str, Any]:
        """Every booking that takes places, in every field."""

    # What other people do there

    @abstractmethod
    def charge(self, percent: int) -> None:
        """Cancelling in time costs so much from now on."""

    @abstractmethod
    def reprice(self, uuid: str, total: str) -> None:
        """The supplier changes what a booking costs."""

    @abstractmethod
    def let_expire(self, uuid: str) -> None:
        """The time of a hold is over."""

    @abstractmethod
    def confirm_as_another(self, uuid: str) -> None:
        """Somebody else confirms a hold."""

    @abstractmethod
    def cancel_as_another(self, uuid: str) -> None:
        """Somebody else cancels a booking, at a fee of ten percent or less."""

    @abstractmethod
    def add_place(self, uuid: str) -> None:
        """Somebody else adds a place to a hold."""


@dataclass
class AtOcto(Site):
    """The trip desk's server."""

    desk: octo.Desk
    proxy: Proxy
    kit: Booking = field(init=False)
    wire: dict[Change, bytes] = field(init=False)
    price: Decimal = Decimal("42.50")
    fee: Decimal = Decimal("4.25")
    percent: int = 10

    def __post_init__(self) -> None:
        token = SecretStr(self.desk.token)
        self.kit = Booking(Octo(url=self.proxy.url, token=token, timeout=5))
        self.wire = {
            "reserve": b"POST /bookings HTTP",
            "extend": b"/extend HTTP",
            "confirm": b"/confirm HTTP",
            "cancel": b"/cancel HTTP",
        }

    def ids(self, where: str) -> dict[str, str]:
        availability = self.desk.departures[where]
        return {"product_id": self.desk.product, "option_id": self.desk.option, "availability_id": availability}

    def day(self, where: str) -> date:
        return datetime.fromisoformat(self.desk.departures[where]).date()

    def status(self, uuid: str) -> str:
        found = [each.status for each in self.desk.bookings() if each.uuid == uuid]
        return found[0] if found else "ABSENT"

    def standing(self) -> int:
        return sum(each.takes_places for each in self.desk.bookings())

    def held_until(self, uuid: str) -> datetime:
        expires = self.desk.booking(uuid).expires
        assert expires
        return expires

    def fee_of(self, uuid: str) -> Decimal:
        return Decimal(self.desk.booking(uuid).fee or 0).scaleb(-2)

    def world(self) -> dict[str, Any]:
        clocks = ("updated", "created")
        return {
            each.uuid: {name: str(value) for name, value in vars(each).items() if name not in clocks}
            for each in self.desk.bookings()
            if each.takes_places
        }

    def charge(self, percent: int) -> None:
        with closing(sqlite3.connect(self.desk.ledger.file, timeout=30)) as database, database:
            statement = "UPDATE products SET document = json_set(document, '$.terms.early_percent', ?)"
            assert database.execute(statement, (percent,)).rowcount == 1

    def reprice(self, uuid: str, total: str) -> None:
        self._set(uuid, "total", int(Decimal(total).scaleb(2)))

    def let_expire(self, uuid: str) -> None:
        self._set(uuid, "expires", (datetime.now(UTC) - timedelta(minutes=1)).isoformat(timespec="microseconds"))

    def confirm_as_another(self, uuid: str) -> None:
        self.desk.ledger.confirm(uuid, {"fullName": "Bob", "emailAddress": "bob@example.test"}, "bob-1")

    def cancel_as_another(self, uuid: str) -> None:
        self.desk.ledger.cancel(uuid, "The boat is broken.", None)

    def confirm_without_a_reference(self, uuid: str) -> None:
        """The same at a server that keeps none."""
        self.confirm_as_another(uuid)
        self._set(uuid, "reseller_reference", None)

    def add_place(self, uuid: str) -> None:
        self._set(uuid, "unit_ids", '["adult", "adult"]')

    def _set(self, uuid: str, column: str, value: Any) -> None:
        with closing(sqlite3.connect(self.desk.ledger.file, timeout=30)) as database, database:
            changed = database.execute(f"UPDATE bookings SET {column} = ? WHERE uuid = ?", (value, uuid))
            assert changed.rowcount == 1


@dataclass
class AtPretix(Site):
    """The walks of the shop."""

    shop: pretix.Pretix
    proxy: Proxy
    kit: Booking = field(init=False)
    wire: dict[Change, bytes] = field(init=False)
    price: Decimal = Decimal("25.00")
    fee: Decimal = Decimal("5.00")
    percent: int = 20

    def __post_init__(self) -> None:
        self.kit = Booking(self.account())
        self.wire = {
            "reserve": b"/orders/ HTTP",
            "extend": b"/extend/ HTTP",
            "confirm": b"/confirm/ HTTP",
            "cancel": b"/mark_canceled/ HTTP",
        }

    def account(self, **changes: Any) -> Pretix:
        """The shop behind the proxy."""
        token = SecretStr(self.shop.token)
        account = Pretix(url=self.proxy.url, organizer=self.shop.organizer, event=self.shop.series, token=token)
        return account.model_copy(update=changes)

    def ids(self, where: str) -> dict[str, str]:
        return {"product_id": self.shop.walk, "option_id": "DEFAULT", "availability_id": self.shop.dates[where]}

    def day(self, where: str) -> date:
        return (datetime.now(UTC) + pretix.AHEAD[where]).date()

    def status(self, uuid: str) -> str:
        orders = {order.code: order for order in self.shop.books.orders()}
        if uuid not in orders:
            return "ABSENT"
        if not orders[uuid].places:
            return "CANCELLED"
        return {"n": "ON_HOLD", "p": "CONFIRMED", "c": "CANCELLED", "e": "EXPIRED"}[orders[uuid].status]

    def standing(self) -> int:
        return sum(order.stands for order in self.shop.books.orders())

    def held_until(self, uuid: str) -> datetime:
        return datetime.fromisoformat(self.shop.books.order(uuid).expires).replace(tzinfo=UTC)

    def fee_of(self, uuid: str) -> Decimal:
        order = self.shop.books.order(uuid)
        return Decimal(0) if order.status == "c" else order.total

    def world(self) -> dict[str, Any]:
        orders = [order for order in self.shop.books.orders() if order.stands]
        return {order.code: {name: str(value) for name, value in vars(order).items()} for order in orders}

    def charge(self, percent: int) -> None:
        rule = {"cancel_allow_user_paid_keep_percentage": f"{percent}.00"}
        self.shop.staff("PATCH", f"events/{self.shop.series}/settings/", rule)

    def reprice(self, uuid: str, total: str) -> None:
        self.shop.books.reprice(uuid, total)

    def let_expire(self, uuid: str) -> None:
        self.shop.books.let_expire(uuid)

    def confirm_as_another(self, uuid: str) -> None:
        self.shop.staff("POST", f"events/{self.shop.series}/orders/{uuid}/mark_paid/", {"send_email": False})

    def cancel_as_another(self, uuid: str) -> None:
        fee = {"cancellation_fee": "2.50"} if self.status(uuid) == "CONFIRMED" else {}
        self._staff_order("POST", f"{uuid}/mark_canceled/", {"send_email": False, **fee})

    def forget_who(self, uuid: str) -> None:
        """Somebody else's program writes its own notes over all others."""
        self._staff_order("PATCH", f"{uuid}/", {"api_meta": {"another": "program"}})

    def _staff_order(self, method: str, path: str, body: Any) -> None:
        self.shop.staff(method, f"events/{self.shop.series}/orders/{path}", body)

    def add_place(self, uuid: str) -> None:
        place = {"order": uuid, "item": int(self.shop.walk), "subevent": int(self.shop.dates["roomy"])}
        self.shop.staff("POST", f"events/{self.shop.series}/orderpositions/", place)


@contextmanager
def at_octo(folder: Path) -> Generator[AtOcto]:
    """A trip desk of its own."""
    with octo.running(folder) as desk, _before(desk.url) as proxy:
        yield AtOcto(desk, proxy)


@contextmanager
def at_pretix(folder: Path) -> Generator[AtPretix]:
    """A shop of its own."""
    with pretix.running(folder) as shop, _before(shop.url) as proxy:
        yield AtPretix(shop, proxy)


@contextmanager
def _before(url: str) -> Generator[Proxy]:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    with Proxy(parts.hostname, parts.port) as proxy:
        yield proxy
