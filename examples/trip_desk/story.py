"""The story of one run, drawn afresh: who writes, what is on sale, and what is wished for."""

from __future__ import annotations

import string
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random

from examples.trip_desk.octo.product import Departure, Product, Terms, Unit

FIRST_NAMES = ("Ada", "Amara", "Bruno", "Chiara", "Emre", "Freya", "Hugo", "Ines", "Jonas", "Leila", "Mateo")
LAST_NAMES = ("Almeida", "Berg", "Castro", "Dumont", "Eriksen", "Fontana", "Keller", "Okafor", "Silva")
DESKS = ("harbour", "compass", "lantern", "meridian", "wayfarer")
TRIPS = (
    "Sunset sailing",
    "Old town walk",
    "Pottery workshop",
    "Kayak tour",
    "Wine tasting",
    "Lighthouse hike",
    "Street food tour",
    "Cheese workshop",
)
PLACES = (
    ("Lisbon", "Europe/Lisbon", "EUR", 2),
    ("Bergen", "Europe/Oslo", "NOK", 2),
    ("Edinburgh", "Europe/London", "GBP", 2),
    ("Kyoto", "Asia/Tokyo", "JPY", 0),
    ("Vancouver", "America/Vancouver", "CAD", 2),
    ("Lucerne", "Europe/Zurich", "CHF", 2),
)


@dataclass(frozen=True)
class Person:
    """Somebody with a mailbox; the address is also the login."""

    name: str
    address: str
    password: str


@dataclass(frozen=True)
class Wish:
    """What the traveller wants, as the catalogue names it; the total is in minor units of the currency."""

    product_id: str
    product_title: str
    option_id: str
    unit_id: str
    availability_id: str
    day: str
    people: int
    total: int
    currency: str
    currency_precision: int


@dataclass(frozen=True)
class Story:
    """Everything a world is furnished with."""

    desk: Person
    traveller: Person
    octo_token: str
    products: tuple[Product, ...]
    departures: tuple[Departure, ...]
    wish: Wish


def draw(random: Random, today: date) -> Story:
    """A story that begins today; every departure lies in the future."""
    domain = f"{random.choice(DESKS)}{random.randrange(100, 1000)}.test"
    traveller = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    products = _products(random)
    departures = tuple(each for product in products for each in _departures(random, product, today))
    return Story(
        desk=Person("Trip Desk", f"desk@{domain}", secret(random)),
        traveller=Person(" ".join(traveller), f"{'.'.join(traveller).lower()}@{domain}", secret(random)),
        octo_token=secret(random),
        products=products,
        departures=departures,
        wish=_wish(random, products, departures),
    )


def secret(random: Random) -> str:
    return "".join(random.choices(string.ascii_letters + string.digits, k=24))


def _products(random: Random) -> tuple[Product, ...]:
    return tuple(_product(random, title) for title in random.sample(TRIPS, k=4))


def _product(random: Random, title: str) -> Product:
    place, time_zone, currency, precision = random.choice(PLACES)
    price = random.randrange(40, 120) * (10**precision if precision else 100)
    return Product(
        id=f"prod_{random.getrandbits(40):010x}",
        title=f"{title} in {place}",
        option_id="DEFAULT",
        units=(
            Unit(f"unit_{random.getrandbits(40):010x}", "Adult", price),
            Unit(f"unit_{random.getrandbits(40):010x}", "Child", price // 2),
        ),
        currency=currency,
        currency_precision=precision,
        time_zone=time_zone,
        sales_close=random.choice((1, 2, 4)),
        terms=Terms(
            free_hours=random.choice((24, 48, 72)),
            early_percent=random.choice((10, 15, 20)),
            late_percent=random.choice((50, 80, 100)),
        ),
    )


def _departures(random: Random, product: Product, today: date) -> list[Departure]:
    """Six days between two and ten weeks ahead, at one hour of the day."""
    hour, lasts = random.choice((9, 10, 14, 17)), random.choice((2.0, 2.5, 3.0))
    days = sorted(random.sample(range(14, 70), k=6))
    starts = [datetime.combine(today + timedelta(days=day), time(hour)) for day in days]
    return [Departure.at(product, start, lasts, random.randrange(10, 20)) for start in starts]


def _wish(random: Random, products: tuple[Product, ...], departures: tuple[Departure, ...]) -> Wish:
    product = random.choice(products)
    departure = random.choice([each for each in departures if each.product_id == product.id])
    people = random.randrange(2, 5)
    return Wish(
        product_id=product.id,
        product_title=product.title,
        option_id=product.option_id,
        unit_id=product.units[0].id,
        availability_id=departure.id,
        day=departure.starts.date().isoformat(),
        people=people,
        total=people * product.units[0].price,
        currency=product.currency,
        currency_precision=product.currency_precision,
    )
