"""Bookings: what a reseller orders, the booking that answers it, and the quote of its cancellation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from examples.trip_desk.octo.refusal import Refusal

Status = Literal["ON_HOLD", "CONFIRMED", "EXPIRED", "CANCELLED"]
HOLD_MINUTES = 30


@dataclass(frozen=True)
class Order:
    """A request to hold places; its uuid is the idempotency key."""

    uuid: str
    product_id: str
    option_id: str
    availability_id: str
    unit_ids: tuple[str, ...]
    minutes: float
    notes: str | None
    reseller_reference: str | None
    digest: str

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Order:
        return cls(
            uuid=_uuid(body.get("uuid")),
            product_id=_text(body, "productId"),
            option_id=_text(body, "optionId"),
            availability_id=_text(body, "availabilityId"),
            unit_ids=_unit_ids(body.get("unitItems")),
            minutes=minutes_of(body),
            notes=body.get("notes"),
            reseller_reference=body.get("resellerReference"),
            digest=hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest(),
        )


@dataclass(frozen=True)
class Booking:
    """One booking as it stands; amounts are in minor units, times in UTC."""

    uuid: str
    digest: str
    product_id: str
    option_id: str
    availability_id: str
    unit_ids: tuple[str, ...]
    total: int
    status: Status
    created: datetime
    updated: datetime
    expires: datetime | None = None
    confirmed: datetime | None = None
    cancelled: datetime | None = None
    fee: int | None = None
    reason: str | None = None
    notes: str | None = None
    reseller_reference: str | None = None
    contact: Mapping[str, Any] | None = None

    @property
    def takes_places(self) -> bool:
        return self.status in ("ON_HOLD", "CONFIRMED")


@dataclass(frozen=True)
class Quote:
    """What cancelling the booking costs in this status, honoured until it expires."""

    id: str
    booking_uuid: str
    status: Status
    fee: int
    expires: datetime


def minutes_of(body: Mapping[str, Any]) -> float:
    """How long a hold is to last."""
    minutes = body.get("expirationMinutes", HOLD_MINUTES)
    if not isinstance(minutes, int | float) or isinstance(minutes, bool) or minutes <= 0:
        raise Refusal("BAD_REQUEST", f"expirationMinutes must be a number above zero, not {minutes!r}")
    return minutes


def _uuid(value: object) -> str:
    if value is None:
        return str(uuid4())
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise Refusal("BAD_REQUEST", f"uuid must be a UUID, not {value!r}") from None


def _text(body: Mapping[str, Any], field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str) or not value:
        raise Refusal("BAD_REQUEST", f"{field} must be given as text, not {value!r}")
    return value


def _unit_ids(items: object) -> tuple[str, ...]:
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise Refusal("BAD_REQUEST", "unitItems must list one object {unitId} for each place")
    return tuple(_text(item, "unitId") for item in items)
