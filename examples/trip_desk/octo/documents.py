"""The JSON documents of OCTO: products, availabilities, bookings and the quote of a cancellation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from examples.trip_desk.octo.booking import Booking, Quote
from examples.trip_desk.octo.product import Departure, Product, Unit

Document = dict[str, Any]
LIMITED_BELOW = 4


def product_document(product: Product) -> Document:
    return {
        "id": product.id,
        "internalName": product.title,
        "title": product.title,
        "reference": product.id,
        "locale": "en",
        "timeZone": product.time_zone,
        "allowFreesale": False,
        "instantConfirmation": True,
        "instantDelivery": True,
        "availabilityRequired": True,
        "availabilityType": "START_TIME",
        "deliveryFormats": ["QRCODE"],
        "deliveryMethods": ["VOUCHER"],
        "redemptionMethod": "DIGITAL",
        "defaultCurrency": product.currency,
        "availableCurrencies": [product.currency],
        "pricingPer": "UNIT",
        "options": [_option(product)],
    }


def availability_document(product: Product, departure: Departure, vacancies: int, units: Sequence[Unit]) -> Document:
    """One departure; with units asked for, it carries their price and is available only if they all fit."""
    cutoff = departure.starts - timedelta(hours=product.sales_close)
    status = _availability_status(departure, vacancies, cutoff)
    document: Document = {
        "id": departure.id,
        "localDateTimeStart": departure.starts.isoformat(),
        "localDateTimeEnd": departure.ends.isoformat(),
        "allDay": False,
        "available": status in ("AVAILABLE", "LIMITED") and vacancies >= max(1, len(units)),
        "status": status,
        "vacancies": vacancies,
        "capacity": departure.capacity,
        "maxUnits": vacancies,
        "utcCutoffAt": _utc(cutoff),
        "openingHours": [],
        "unitPricing": [{"unitId": unit.id, **_pricing(product, unit.price)} for unit in product.units],
    }
    if units:
        document["pricing"] = _pricing(product, sum(unit.price for unit in units))
    return document


def booking_document(product: Product, booking: Booking) -> Document:
    return {
        "id": booking.uuid,
        "uuid": booking.uuid,
        "testMode": True,
        "resellerReference": booking.reseller_reference,
        "supplierReference": booking.uuid.split("-")[0].upper(),
        "status": booking.status,
        "utcCreatedAt": _utc(booking.created),
        "utcUpdatedAt": _utc(booking.updated),
        "utcExpiresAt": _utc(booking.expires),
        "utcRedeemedAt": None,
        "utcConfirmedAt": _utc(booking.confirmed),
        "productId": booking.product_id,
        "optionId": booking.option_id,
        "cancellable": _cancellable(booking),
        "cancellation": _cancellation(product, booking),
        "freesale": False,
        "availabilityId": booking.availability_id,
        "contact": booking.contact,
        "notes": booking.notes,
        "deliveryMethods": ["VOUCHER"],
        "unitItems": [_unit_item(booking, number, unit) for number, unit in enumerate(booking.unit_ids)],
        "pricing": _pricing(product, booking.total),
    }


def quote_document(product: Product, booking: Booking, quote: Quote) -> Document:
    return {
        "id": quote.id,
        "bookingUuid": booking.uuid,
        "utcExpiresAt": _utc(quote.expires),
        **_refund(product, booking, quote.fee),
    }


def _option(product: Product) -> Document:
    hours = product.terms.free_hours
    return {
        "id": product.option_id,
        "default": True,
        "internalName": product.title,
        "cancellationCutoff": f"{hours} hours",
        "cancellationCutoffAmount": hours,
        "cancellationCutoffUnit": "hour",
        "requiredContactFields": ["fullName", "emailAddress"],
        "restrictions": {"minUnits": 1, "maxUnits": None},
        "units": [_unit(product, unit) for unit in product.units],
    }


def _unit(product: Product, unit: Unit) -> Document:
    return {
        "id": unit.id,
        "internalName": unit.title,
        "title": unit.title,
        "type": unit.title.upper(),
        "requiredContactFields": [],
        "pricingFrom": [_pricing(product, unit.price)],
    }


def _unit_item(booking: Booking, number: int, unit_id: str) -> Document:
    return {"uuid": f"{booking.uuid}-{number + 1}", "unitId": unit_id, "status": booking.status}


def _pricing(product: Product, amount: int) -> Document:
    return {
        "original": amount,
        "retail": amount,
        "net": amount,
        "total": amount,
        "currency": product.currency,
        "currencyPrecision": product.currency_precision,
        "includedTaxes": [],
    }


def _availability_status(departure: Departure, vacancies: int, cutoff: datetime) -> str:
    if datetime.now(UTC) >= cutoff:
        return "CLOSED"
    if vacancies <= 0:
        return "SOLD_OUT"
    return "LIMITED" if vacancies < min(LIMITED_BELOW, departure.capacity) else "AVAILABLE"


def _cancellable(booking: Booking) -> bool:
    if booking.status == "CONFIRMED":
        return datetime.now(UTC) < datetime.fromisoformat(booking.availability_id)
    return booking.status == "ON_HOLD"


def _cancellation(product: Product, booking: Booking) -> Document | None:
    if booking.cancelled is None:
        return None
    details = {"reason": booking.reason, "utcCancelledAt": _utc(booking.cancelled)}
    return details | _refund(product, booking, booking.fee or 0)


def _refund(product: Product, booking: Booking, fee: int) -> Document:
    """How much comes back; a hold was never paid, so nothing is lost and nothing is returned."""
    paid = booking.total if booking.confirmed else 0
    return {
        "refund": "FULL" if fee == 0 else "NONE" if fee >= paid else "PARTIAL",
        "fee": fee,
        "refundAmount": max(0, paid - fee),
        "currency": product.currency,
        "currencyPrecision": product.currency_precision,
    }


def _utc(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
