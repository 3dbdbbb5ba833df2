"""The documents of OCTO 1.0 as they travel, and what they mean: money in minor units, times as text."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from agentkit.effects import Quote
from agentkit_tools.booking.reservation import Availability, Option, Product, Reservation, Unit

Precision = Annotated[int, Field(ge=0, le=6)]
"""How many digits of a currency come after its point."""


class Document(BaseModel):
    """Camel-case names; what we do not know is left alone."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class PricingDocument(Document):
    """A price in minor units."""

    retail: int
    currency: str
    currency_precision: Precision

    @property
    def amount(self) -> Decimal:
        """In the currency's own unit."""
        return money(self.retail, self.currency_precision)


class UnitDocument(Document):
    """One kind of place."""

    id: str
    internal_name: str = ""
    title: str = ""
    type: str = ""
    pricing_from: list[PricingDocument] = []

    def unit(self) -> Unit:
        """For the model to read."""
        price = self.pricing_from[0] if self.pricing_from else None
        return Unit(
            id=self.id,
            title=self.title or self.internal_name,
            kind=self.type,
            price=price and price.amount,
            currency=price and price.currency,
        )


class OptionDocument(Document):
    """One way to buy a product."""

    id: str
    default: bool = False
    internal_name: str = ""
    title: str = ""
    units: list[UnitDocument]

    @property
    def usual_unit(self) -> UnitDocument:
        """What a place means if nothing else is said: an adult's, or the first there is."""
        return next((unit for unit in self.units if unit.type == "ADULT"), self.units[0])

    def option(self) -> Option:
        """For the model to read."""
        title = self.title or self.internal_name
        return Option(id=self.id, title=title, units=[unit.unit() for unit in self.units])


class ProductDocument(Document):
    """Something that is sold."""

    id: str
    internal_name: str = ""
    title: str = ""
    time_zone: str = ""
    options: list[OptionDocument]

    @property
    def default_first(self) -> list[OptionDocument]:
        """The options, the default one first."""
        return sorted(self.options, key=lambda option: not option.default)

    def product(self) -> Product:
        """For the model to read."""
        return Product(
            id=self.id,
            title=self.title or self.internal_name,
            time_zone=self.time_zone,
            options=[option.option() for option in self.default_first],
        )


class AvailabilityDocument(Document):
    """One departure."""

    id: str
    local_date_time_start: AwareDatetime
    local_date_time_end: AwareDatetime
    available: bool
    status: str
    vacancies: int | None = None
    pricing: PricingDocument | None = None

    def availability(self, product_id: str, option_id: str) -> Availability:
        """For the model to read."""
        return Availability(
            id=self.id,
            product_id=product_id,
            option_id=option_id,
            starts=self.local_date_time_start,
            ends=self.local_date_time_end,
            available=self.available,
            status=self.status,
            vacancies=self.vacancies,
            total=self.pricing and self.pricing.amount,
            currency=self.pricing and self.pricing.currency,
        )


class CancellationDocument(Document):
    """How a booking was cancelled; the fee is not part of the standard."""

    fee: int | None = None


class BookingDocument(Document):
    """A booking."""

    uuid: str
    status: str
    product_id: str
    option_id: str
    availability_id: str | None = None
    reseller_reference: str | None = None
    utc_expires_at: AwareDatetime | None = None
    cancellable: bool = False
    cancellation: CancellationDocument | None = None
    unit_items: list[Document] = []
    pricing: PricingDocument | None = None

    def reservation(self) -> Reservation:
        """For the model to read."""
        return Reservation(
            uuid=self.uuid,
            status=self.status,
            product_id=self.product_id,
            option_id=self.option_id,
            availability_id=self.availability_id,
            places=len(self.unit_items),
            total=self.pricing and self.pricing.amount,
            currency=self.pricing and self.pricing.currency,
            held_until=self.utc_expires_at,
            cancellable=self.cancellable,
            cancellation_fee=self._fee(),
            reseller_reference=self.reseller_reference,
        )

    def _fee(self) -> Decimal | None:
        if self.cancellation is None or self.cancellation.fee is None or self.pricing is None:
            return None
        return money(self.cancellation.fee, self.pricing.currency_precision)


class QuoteDocument(Document):
    """What a cancellation would cost now; not part of the standard, after Duffel's two steps."""

    id: str
    fee: int
    currency: str
    currency_precision: Precision
    refund: str = ""
    utc_expires_at: datetime | None = None

    def quote(self) -> Quote:
        """As undo plans understand it."""
        cost = money(self.fee, self.currency_precision)
        note = f"refund: {self.refund}" if self.refund else ""
        return Quote(cost, self.currency, self.utc_expires_at, note)


def money(minor_units: int, precision: int) -> Decimal:
    """12340 minor units at precision 2 are 123.40."""
    return Decimal(minor_units).scaleb(-precision)
