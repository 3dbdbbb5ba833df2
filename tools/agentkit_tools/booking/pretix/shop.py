"""One event of a pretix shop over HTTP: its orders, its dates, its rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from agentkit.errors import ToolFailed
from agentkit_tools.booking.pretix.documents import DateDocument, EventDocument, ItemDocument, OrderDocument, Page
from agentkit_tools.booking.pretix.terms import Rules, Terms
from agentkit_tools.booking.server import Refusal, Server

T = TypeVar("T")

WHOLE = {"include_canceled_positions": "true", "include_canceled_fees": "true"}


@dataclass(frozen=True)
class Shop:
    """The event as its API shows it. Errors say what they prove, as those of `Server` do."""

    server: Server
    organizer: str
    slug: str

    async def order(self, code: str) -> OrderDocument:
        """As it stands, with what is cancelled."""
        return await self.server.ask(OrderDocument, "GET", *self._path("orders", code), query=WHOLE)

    async def find(self, code: str) -> OrderDocument | None:
        """The same, or None where there is no such order."""
        return await self.server.find(OrderDocument, *self._path("orders", code), query=WHOLE)

    async def search(self, words: str) -> list[OrderDocument]:
        """The orders with these words in their comment, among other places."""
        return await self.all(OrderDocument, "orders", search=words, **WHOLE)

    async def preview(self, body: Mapping[str, Any]) -> OrderDocument:
        """What such an order would be; nothing is ordered, and no code is taken."""
        asked = {name: value for name, value in body.items() if name != "code"}
        return await self.server.ask(OrderDocument, "POST", *self._path("orders"), body={**asked, "simulate": True})

    async def change(self, kind: type[T], method: str, *path: str, body: Any, key: str = "") -> T:
        """A request with an effect, under this event."""
        return await self.server.change(kind, method, *self._path(*path), body=body, key=key)

    async def event(self) -> EventDocument:
        """The event itself."""
        return await self._ask(EventDocument)

    async def item(self, product_id: str) -> ItemDocument:
        """What is sold under this id."""
        if item := await self.server.find(ItemDocument, *self._path("items", product_id)):
            return item
        there_is = [each.id for each in await self.all(ItemDocument, "items")]
        raise ToolFailed(f"the shop sells no product {product_id!r}; there are {there_is}")

    async def dates(self, event: EventDocument, first: date, last: date) -> dict[str, EventDocument]:
        """The dates on these local days: those of the series, or the event's own."""
        if event.has_subevents:
            every = {str(each.id): each for each in await self.all(DateDocument, "subevents", active="true")}
        else:
            every = {event.slug: await self.event()}
        zone = ZoneInfo(event.timezone)
        return {
            key: each
            for key, each in every.items()
            if each.date_from and first <= each.date_from.astimezone(zone).date() <= last
        }

    async def terms(self, order: OrderDocument) -> Terms:
        """What cancelling this order would cost. Of several dates the first one counts."""
        event, rules = await self.event(), await self._ask(Rules, "settings")
        dates = {position.subevent for position in order.live if position.subevent is not None}
        on = [await self._ask(DateDocument, "subevents", str(key)) for key in sorted(dates)]
        items = [await self._ask(ItemDocument, "items", str(key)) for key in {each.item for each in order.live}]
        first = min(on, key=lambda each: each.date_from or datetime.max.replace(tzinfo=UTC), default=event)
        return Terms(rules, event, first, all(item.allow_cancel for item in items))

    async def all(self, kind: type[T], *path: str, **query: str) -> list[T]:
        """Every page of a list."""
        found: list[T] = []
        number, more = 0, True
        while more:
            number += 1
            asked = {**query, "page": str(number)}
            page = await self.server.ask(Page[kind], "GET", *self._path(*path), query=asked)
            found, more = found + page.results, page.next is not None
        return found

    async def _ask(self, kind: type[T], *path: str) -> T:
        return await self.server.ask(kind, "GET", *self._path(*path))

    def _path(self, *path: str) -> tuple[str, ...]:
        """The API wants a slash at the end."""
        return ("api", "v1", "organizers", self.organizer, "events", self.slug, *path, "")


def worded(document: Mapping[str, Any]) -> Refusal:
    """`{"detail": "..."}`, or the fields with what is wrong about each."""
    if "detail" in document:
        return Refusal("", str(document["detail"]))
    return Refusal("", "; ".join(f"{field}: {_flat(wrong)}" for field, wrong in document.items()))


def _flat(wrong: Any) -> str:
    """The sentences out of nested lists and objects."""
    if isinstance(wrong, Mapping):
        parts = [_flat(each) for each in wrong.values()]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    elif isinstance(wrong, list):
        parts = [_flat(each) for each in wrong]  # pyright: ignore[reportUnknownVariableType]
    else:
        return str(wrong)
    return ", ".join(dict.fromkeys(part for part in parts if part))
