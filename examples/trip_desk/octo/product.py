"""What is sold: products with their units, prices and cancellation terms, and their departures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Unit:
    """One kind of place, such as an adult's; the price is in minor units of the product's currency."""

    id: str
    title: str
    price: int


@dataclass(frozen=True)
class Terms:
    """What a cancellation costs, in percent of the total: early, late, and never once the trip has begun."""

    free_hours: int
    early_percent: int
    late_percent: int

    def fee(self, total: int, starts: datetime, now: datetime) -> int:
        """The fee of a cancellation now, in minor units."""
        late = now >= starts - timedelta(hours=self.free_hours)
        percent = self.late_percent if late else self.early_percent
        return (total * percent + 50) // 100


@dataclass(frozen=True)
class Product:
    """Something the supplier sells in one option; `sales_close` is in hours before the start."""

    id: str
    title: str
    option_id: str
    units: tuple[Unit, ...]
    currency: str
    currency_precision: int
    time_zone: str
    sales_close: int
    terms: Terms

    @classmethod
    def parse(cls, data: dict[str, Any]) -> Product:
        units = tuple(Unit(**unit) for unit in data["units"])
        parts: dict[str, Any] = {"units": units, "terms": Terms(**data["terms"])}
        return cls(**data | parts)

    def unit(self, unit_id: str) -> Unit | None:
        return next((unit for unit in self.units if unit.id == unit_id), None)


@dataclass(frozen=True)
class Departure:
    """One start of a product, with the places it has in all; the times carry the product's own offset."""

    product_id: str
    starts: datetime
    ends: datetime
    capacity: int

    @property
    def id(self) -> str:
        """The OCTO availability id: the local start with its offset."""
        return self.starts.isoformat()

    @classmethod
    def at(cls, product: Product, local_start: datetime, hours: float, capacity: int) -> Departure:
        """A departure at a naive local time of the product's place."""
        starts = local_start.replace(tzinfo=ZoneInfo(product.time_zone))
        return cls(product.id, starts, starts + timedelta(hours=hours), capacity)
