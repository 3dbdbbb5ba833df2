"""The trip desk's booking server alone, on the loopback: `running(folder)` starts one that speaks OCTO 1.0."""

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from examples.trip_desk.faults import Faults
from examples.trip_desk.octo.booking import Booking
from examples.trip_desk.octo.files import furnish
from examples.trip_desk.octo.ledger import Ledger
from examples.trip_desk.octo.product import Departure, Product, Terms, Unit
from examples.trip_desk.server import Server

HOST = "127.0.0.1"
CRUISE = Product(
    id="cruise",
    title="Harbour cruise",
    option_id="STANDARD",
    units=(Unit("adult", "Adult", 4250), Unit("child", "Child", 2100)),
    currency="EUR",
    currency_precision=2,
    time_zone="Europe/Berlin",
    sales_close=0,
    terms=Terms(free_hours=48, early_percent=10, late_percent=50),
)


@dataclass(frozen=True)
class Desk:
    """A running server. Its departures are `roomy`, `small` (three places) and `soon` (cancelling costs half)."""

    url: str
    token: str
    product: str
    """At 42.50 EUR for an adult; cancelling costs a tenth."""
    option: str
    departures: dict[str, str]
    folder: Path
    ledger: Ledger = field(repr=False)
    """What is in its books, and what other clerks can do there."""

    @property
    def faults(self) -> Faults:
        """What it does wrong next."""
        return Faults(self.folder)

    def bookings(self) -> list[Booking]:
        """Every booking, oldest first."""
        return self.ledger.bookings()

    def booking(self, uuid: str) -> Booking:
        """One booking as it stands in the books."""
        return self.ledger.booking(uuid)

    def vacancies(self, departure: str) -> int:
        """How many places are left on a departure."""
        day = datetime.fromisoformat(self.departures[departure]).date()
        return next(
            free
            for each, free in self.ledger.departures(self.product, day, day)
            if each.id == self.departures[departure]
        )


@contextmanager
def running(folder: Path) -> Generator[Desk]:
    """Start the server in this folder."""
    place, token = folder / "octo", secrets.token_hex(16)
    departures = _departures()
    ledger = furnish(place, token, [CRUISE], departures.values())
    server = Server("octo", "examples.trip_desk.octo", place, ("port",))
    server.start()
    try:
        server.wait_until_ready()
        yield Desk(
            url=f"http://{HOST}:{server.ports['port']}",
            token=token,
            product=CRUISE.id,
            option=CRUISE.option_id,
            departures={name: departure.id for name, departure in departures.items()},
            folder=place,
            ledger=ledger,
        )
    finally:
        server.stop()


def _departures() -> dict[str, Departure]:
    today = datetime.now(UTC).replace(tzinfo=None, hour=9, minute=0, second=0, microsecond=0)
    tomorrow = datetime.now(UTC).replace(tzinfo=None, microsecond=0) + timedelta(hours=20)
    return {
        "roomy": Departure.at(CRUISE, today + timedelta(days=30), 2, 5000),
        "small": Departure.at(CRUISE, today + timedelta(days=31), 2, 3),
        "soon": Departure.at(CRUISE, tomorrow, 2, 500),
    }
