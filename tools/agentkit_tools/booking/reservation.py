"""What the booking tools answer: products, their availability, and reservations as they stand."""

from decimal import Decimal
from typing import Annotated

from pydantic import AwareDatetime, BaseModel

from agentkit.label import Handle

OVER = ("CANCELLED", "EXPIRED", "REJECTED")


class Unit(BaseModel):
    """One kind of place, such as an adult's."""

    id: Annotated[str, Handle]
    title: str
    kind: str
    price: Decimal | None
    currency: str | None


class Option(BaseModel):
    """One way to buy a product."""

    id: Annotated[str, Handle]
    title: str
    units: list[Unit]


class Product(BaseModel):
    """Something the supplier sells."""

    id: Annotated[str, Handle]
    title: str
    time_zone: str
    options: list[Option]
    """The default option comes first."""


class Availability(BaseModel):
    """One departure in one option, with the price of as many places as were asked for."""

    id: Annotated[str, Handle]
    product_id: Annotated[str, Handle]
    option_id: Annotated[str, Handle]
    starts: AwareDatetime
    ends: AwareDatetime
    available: bool
    """Whether all the places can be had."""
    status: str
    """AVAILABLE, FREESALE, LIMITED, SOLD_OUT or CLOSED."""
    vacancies: int | None
    total: Decimal | None
    """For all the places together."""
    currency: str | None


class Reservation(BaseModel):
    """A booking as it stands: held, confirmed or over."""

    uuid: Annotated[str, Handle]
    status: str
    """ON_HOLD, CONFIRMED, EXPIRED, CANCELLED, REDEEMED, PENDING or REJECTED."""
    product_id: Annotated[str, Handle]
    option_id: Annotated[str, Handle]
    availability_id: Annotated[str | None, Handle]
    places: int
    total: Decimal | None
    currency: str | None
    held_until: AwareDatetime | None
    cancellable: bool
    cancellation_fee: Decimal | None
    """What a cancellation has cost; None as long as it is not cancelled, or when the server does not say."""
    reseller_reference: str | None = None
    """The action that confirmed it, or else that reserved it."""

    @property
    def is_over(self) -> bool:
        """Whether it takes no places any more."""
        return self.status in OVER
