"""The documents of pretix as they travel, and what they mean: orders are bookings, items products, dates departures."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from agentkit_tools.booking.reservation import Availability, Option, Product, Reservation, Unit

T = TypeVar("T")

ONLY_OPTION = "DEFAULT"
"""The option of a product without variations."""
OPEN = ("created", "pending")
"""States of a payment that waits."""
DEAD = ("failed", "canceled")
"""States of a payment or refund that never came to anything."""


class Document(BaseModel):
    """What we do not know is left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Page(Document, Generic[T]):
    """A part of a long list."""

    next: str | None
    results: list[T]


class EventDocument(Document):
    """The shop's event: one date, or a series of them."""

    slug: str
    name: dict[str, str] | str = ""
    currency: str
    timezone: str
    has_subevents: bool
    date_from: AwareDatetime | None = None
    date_to: AwareDatetime | None = None
    date_admission: AwareDatetime | None = None
    presale_start: AwareDatetime | None = None
    presale_end: AwareDatetime | None = None

    @property
    def subevent(self) -> int | None:
        """How quotas and positions call this date."""
        return None


class DateDocument(EventDocument):
    """One date of a series."""

    id: int
    active: bool
    slug: str = ""
    currency: str = ""
    timezone: str = ""
    has_subevents: bool = False

    @property
    def subevent(self) -> int | None:
        """How quotas and positions call this date."""
        return self.id


class VariationDocument(Document):
    """One way to buy an item."""

    id: int
    value: dict[str, str] | str
    active: bool
    price: Decimal


class ItemDocument(Document):
    """Something that is sold."""

    id: int
    name: dict[str, str] | str
    active: bool
    admission: bool = True
    default_price: Decimal
    allow_cancel: bool = True
    variations: list[VariationDocument] = []

    @property
    def prices(self) -> dict[str, tuple[str, Decimal]]:
        """Title and price of each option."""
        if not self.variations:
            return {ONLY_OPTION: (text(self.name), self.default_price)}
        return {str(each.id): (text(each.value), each.price) for each in self.variations if each.active}

    def product(self, event: EventDocument) -> Product:
        """For the model to read."""
        kind = "ADMISSION" if self.admission else "OTHER"
        options = [
            Option(
                id=key,
                title=title,
                units=[Unit(id=ONLY_OPTION, title=title, kind=kind, price=price, currency=event.currency)],
            )
            for key, (title, price) in self.prices.items()
        ]
        return Product(id=str(self.id), title=text(self.name), time_zone=event.timezone, options=options)


class QuotaDocument(Document):
    """So many places, for some items on some date. No number: without limit."""

    items: list[int]
    variations: list[int]
    subevent: int | None
    available_number: int | None = None

    def covers(self, item: str, variation: str, date: int | None) -> bool:
        """Whether what is sold there comes out of this quota."""
        sold = int(item) in self.items and (variation == ONLY_OPTION or int(variation) in self.variations)
        return sold and self.subevent == date


class PositionDocument(Document):
    """One place of an order."""

    item: int
    variation: int | None
    subevent: int | None
    price: Decimal
    canceled: bool = False


class FeeDocument(Document):
    """What is paid beside the places."""

    fee_type: str
    value: Decimal
    canceled: bool = False


class PaymentDocument(Document):
    """A payment, open or done."""

    local_id: int
    state: str
    amount: Decimal
    provider: str


class RefundDocument(Document):
    """Money that goes back, or is to."""

    state: str
    amount: Decimal
    comment: str | None = None


class OrderDocument(Document):
    """An order, read with its cancelled positions."""

    code: str
    status: str
    expires: AwareDatetime
    total: Decimal
    require_approval: bool = False
    positions: list[PositionDocument]
    fees: list[FeeDocument]
    payments: list[PaymentDocument]
    refunds: list[RefundDocument]
    comment: str = ""
    api_meta: dict[str, Any] = {}

    @property
    def booking_status(self) -> str:
        """In OCTO's words. pretix marks an order as expired only at its next round: the clock knows earlier."""
        if self.status == "c" or not self.live:
            return "CANCELLED"
        if self.status == "p":
            return "CONFIRMED"
        if self.status == "e" or self.expires <= datetime.now(UTC):
            return "EXPIRED"
        return "PENDING" if self.require_approval else "ON_HOLD"

    @property
    def live(self) -> list[PositionDocument]:
        """The places that are not cancelled."""
        return [position for position in self.positions if not position.canceled]

    @property
    def marks(self) -> dict[str, Any]:
        """What our actions have noted on it."""
        found = self.api_meta.get("agentkit")
        return found if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownVariableType]  # any JSON

    @property
    def paid(self) -> Decimal:
        """What has been paid and not been given back, or promised back."""
        came = sum((each.amount for each in self.payments if each.state in ("confirmed", "refunded")), Decimal(0))
        return came - sum((each.amount for each in self.refunds if each.state not in DEAD), Decimal(0))

    @property
    def owed(self) -> Decimal:
        """What the buyer of a cancelled order gets back."""
        return self.paid - (Decimal(0) if self.status == "c" else self.total)

    def open_payment(self, amount: Decimal) -> PaymentDocument | None:
        """The payment that waits for exactly this."""
        waiting = [each for each in self.payments if each.state in OPEN and each.amount == amount]
        return waiting[-1] if waiting else None

    def state_of(self, payment: PaymentDocument) -> str:
        """What has become of this very payment."""
        return next((each.state for each in self.payments if each.local_id == payment.local_id), "gone")

    def reservation(self, event: EventDocument, *, cancellable: bool) -> Reservation:
        """For the model to read."""
        status, places = self.booking_status, self.live or self.positions
        first = places[0]
        mark = self.marks.get("confirmed" if status == "CONFIRMED" else "reserved")
        return Reservation(
            uuid=self.code,
            status=status,
            product_id=str(first.item),
            option_id=ONLY_OPTION if first.variation is None else str(first.variation),
            availability_id=event.slug if first.subevent is None else str(first.subevent),
            places=len(places),
            total=sum((each.price for each in places), Decimal(0)) if status == "CANCELLED" else self.total,
            currency=event.currency,
            held_until=self.expires if status == "ON_HOLD" else None,
            cancellable=cancellable,
            cancellation_fee=self._cancellation_fee() if status == "CANCELLED" else None,
            reseller_reference=str(mark or "(somebody else)"),
        )

    def _cancellation_fee(self) -> Decimal:
        kept = [fee.value for fee in self.fees if fee.fee_type == "cancellation" and not fee.canceled]
        return sum(kept, Decimal(0))


def availability(
    date: EventDocument, key: str, item: ItemDocument, option: str, quotas: list[QuotaDocument], places: int
) -> Availability:
    """One date of an item, without its price."""
    vacancies = min((quota.available_number for quota in quotas if quota.available_number is not None), default=None)
    status = _status(date, quotas, vacancies)
    starts = date.date_from or datetime.max.replace(tzinfo=UTC)
    return Availability(
        id=key,
        product_id=str(item.id),
        option_id=option,
        starts=starts,
        ends=date.date_to or starts,
        available=status in ("AVAILABLE", "FREESALE") and (vacancies is None or vacancies >= places),
        status=status,
        vacancies=vacancies,
        total=None,
        currency=None,
    )


def _status(date: EventDocument, quotas: list[QuotaDocument], vacancies: int | None) -> str:
    now = datetime.now(UTC)
    opens, closes = date.presale_start, date.presale_end or date.date_to or date.date_from
    if not quotas or (opens is not None and now < opens) or (closes is not None and closes <= now):
        return "CLOSED"
    if vacancies is None:
        return "FREESALE"
    return "AVAILABLE" if vacancies > 0 else "SOLD_OUT"


def text(translated: dict[str, str] | str) -> str:
    """A name in English, or in whatever language there is."""
    if isinstance(translated, str):
        return translated
    return translated.get("en") or next(iter(translated.values()), "")
