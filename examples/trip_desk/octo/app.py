"""The HTTP face of the booking server: who may ask, what each path does, how a refusal reads."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from examples.trip_desk.faults import Faults
from examples.trip_desk.octo.booking import Booking, Order, minutes_of
from examples.trip_desk.octo.documents import (
    Document,
    availability_document,
    booking_document,
    product_document,
    quote_document,
)
from examples.trip_desk.octo.ledger import Ledger
from examples.trip_desk.octo.product import Product, Unit
from examples.trip_desk.octo.refusal import Refusal

CAPABILITIES = {"Octo-Capabilities": "octo/pricing"}


def build(ledger: Ledger, faults: Faults, token: str) -> Starlette:
    """The application over this ledger; callers show the token as a bearer."""
    desk = _Desk(ledger, faults)
    return Starlette(
        routes=[
            Route("/products", desk.products),
            Route("/products/{id}", desk.product),
            Route("/availability", desk.availability, methods=["POST"]),
            Route("/bookings", desk.bookings),
            Route("/bookings", desk.reserve, methods=["POST"]),
            Route("/bookings/{uuid}", desk.booking),
            Route("/bookings/{uuid}/confirm", desk.confirm, methods=["POST"]),
            Route("/bookings/{uuid}/extend", desk.extend, methods=["POST"]),
            Route("/bookings/{uuid}/cancel", desk.cancel, methods=["POST"]),
            Route("/bookings/{uuid}/cancel/quote", desk.quote, methods=["POST"]),
        ],
        middleware=[Middleware(_OnlyWithToken, token=token)],
        exception_handlers={Refusal: _refused, HTTPException: _not_here},
    )


@dataclass(frozen=True)
class _Desk:
    """The counter: one method for each path."""

    ledger: Ledger
    faults: Faults

    async def products(self, request: Request) -> JSONResponse:
        products = await run_in_threadpool(self.ledger.products)
        return _answer([product_document(product) for product in products])

    async def product(self, request: Request) -> JSONResponse:
        return _answer(product_document(await self._product(request.path_params["id"])))

    async def availability(self, request: Request) -> JSONResponse:
        body = await _body(request)
        product = await self._product(str(body.get("productId")))
        if body.get("optionId") != product.option_id:
            raise Refusal("INVALID_OPTION_ID", f"no such option; there is {product.option_id!r}")
        units = _units(product, body.get("units") or [])
        first, last = _days(body)
        found = await run_in_threadpool(self.ledger.departures, product.id, first, last)
        wanted = body.get("availabilityIds")
        chosen = [pair for pair in found if not wanted or pair[0].id in wanted]
        return _answer([availability_document(product, each, free, units) for each, free in chosen])

    async def bookings(self, request: Request) -> JSONResponse:
        found = await run_in_threadpool(self.ledger.bookings, request.query_params.get("resellerReference"))
        return _answer([await self._document(booking) for booking in found])

    async def booking(self, request: Request) -> JSONResponse:
        found = await run_in_threadpool(self.ledger.booking, request.path_params["uuid"])
        return _answer(await self._document(found))

    async def reserve(self, request: Request) -> JSONResponse:
        order = Order.parse(await _body(request))
        return await self._change(lambda: self.ledger.reserve(order))

    async def confirm(self, request: Request) -> JSONResponse:
        body = await _body(request)
        uuid, contact = request.path_params["uuid"], body.get("contact") or {}
        missing = [field for field in ("fullName", "emailAddress") if not contact.get(field)]
        if missing:
            raise Refusal("BAD_REQUEST", f"the contact lacks {' and '.join(missing)}")
        return await self._change(lambda: self.ledger.confirm(uuid, contact, body.get("resellerReference")))

    async def extend(self, request: Request) -> JSONResponse:
        uuid, minutes = request.path_params["uuid"], minutes_of(await _body(request))
        return await self._change(lambda: self.ledger.extend(uuid, minutes))

    async def cancel(self, request: Request) -> JSONResponse:
        uuid, body = request.path_params["uuid"], await _body(request)
        return await self._change(lambda: self.ledger.cancel(uuid, body.get("reason"), body.get("quoteId")))

    async def quote(self, request: Request) -> JSONResponse:
        uuid = request.path_params["uuid"]
        quote = await run_in_threadpool(self.ledger.quote_cancellation, uuid)
        booking = await run_in_threadpool(self.ledger.booking, uuid)
        return _answer(quote_document(await self._product(booking.product_id), booking, quote))

    async def _change(self, change: Callable[[], Booking]) -> JSONResponse:
        """Make the change, late if so armed: the server does not mind whether the client is still there."""
        if seconds := self.faults.take("delay_effect"):
            await asyncio.sleep(seconds)
        return _answer(await self._document(await run_in_threadpool(change)))

    async def _document(self, booking: Booking) -> Document:
        return booking_document(await self._product(booking.product_id), booking)

    async def _product(self, product_id: str) -> Product:
        return await run_in_threadpool(self.ledger.product, product_id)


@dataclass(frozen=True)
class _OnlyWithToken:
    """Nobody gets past without the bearer token."""

    app: ASGIApp
    token: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        shown = dict(scope.get("headers", [])).get(b"authorization", b"")
        if scope["type"] != "http" or hmac.compare_digest(shown, f"Bearer {self.token}".encode()):
            await self.app(scope, receive, send)
            return
        refusal = Refusal("UNAUTHORIZED", "show the token as 'Authorization: Bearer ...'")
        await _refusal_answer(refusal)(scope, receive, send)


async def _body(request: Request) -> Mapping[str, Any]:
    text = await request.body()
    try:
        body = json.loads(text or b"{}")
    except ValueError:
        raise Refusal("BAD_REQUEST", "the body is not JSON") from None
    if not isinstance(body, dict):
        raise Refusal("BAD_REQUEST", "the body must be a JSON object")
    return body


def _days(body: Mapping[str, Any]) -> tuple[date, date]:
    """The first and last local day asked about."""
    try:
        if ids := body.get("availabilityIds"):
            days = [datetime.fromisoformat(each).date() for each in ids]
            return min(days), max(days)
        return date.fromisoformat(body["localDateStart"]), date.fromisoformat(body["localDateEnd"])
    except (KeyError, TypeError, ValueError):
        raise Refusal("BAD_REQUEST", "give localDateStart and localDateEnd as YYYY-MM-DD, or availabilityIds") from None


def _units(product: Product, items: list[Any]) -> list[Unit]:
    """The units asked about, each as often as its quantity says."""
    units: list[Unit] = []
    for item in items:
        unit = product.unit(str(item.get("id")))
        if unit is None:
            raise Refusal("INVALID_UNIT_ID", f"no such unit; there are {[each.id for each in product.units]}")
        units += [unit] * int(item.get("quantity", 1))
    return units


def _answer(document: Document | list[Document]) -> JSONResponse:
    return JSONResponse(document, headers=CAPABILITIES)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refusal)
    return _refusal_answer(error)


async def _not_here(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path}: {error.detail}"
    document = {"error": "BAD_REQUEST", "errorMessage": message}
    return JSONResponse(document, status_code=error.status_code)


def _refusal_answer(refusal: Refusal) -> JSONResponse:
    document = {"error": refusal.code, "errorMessage": refusal.message}
    return JSONResponse(document, status_code=refusal.http_status)
