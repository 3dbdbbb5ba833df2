"""The port: what a booking server must offer, in the terms of OCTO and Duffel, to be used by the booking tools."""

from collections.abc import Callable, Set
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol, TypeAlias

from agentkit.effects import Quote, Repeat
from agentkit_tools.booking.reservation import Availability, Product, Reservation


@dataclass(frozen=True)
class Promises:
    """What this server keeps when a request comes twice or late; the tools declare exactly that."""

    reserve: Repeat
    confirm: Repeat
    cancel: Repeat
    final: Set[str]
    """The statuses that no confirmed booking ever comes to, and that no request on its way can change any more."""


@dataclass(frozen=True)
class Order:
    """Places to be held. The uuid is known before they are, and is the same at every attempt."""

    uuid: str
    product_id: str
    option_id: str
    availability_id: str
    places: int
    minutes: int
    until: datetime
    """`minutes` after the action began."""
    reference: str


@dataclass(frozen=True)
class Contact:
    """Whom a booking is for."""

    name: str
    email: str


@dataclass(frozen=True)
class Price:
    """An amount in the currency's own unit."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


Check: TypeAlias = Callable[[Reservation], None]
"""Looks at a booking that is about to be cancelled, and raises `ToolFailed` to leave it alone."""


class Provider(Protocol):
    """One booking server.

    Whatever has no effect raises `ToolFailed` when it gets no answer. Whatever has one raises `ToolFailed` only if
    this request provably changed nothing, `ToolPartial` if a part happened, and anything else if nobody knows.
    """

    @property
    def promises(self) -> Promises:
        """What it keeps."""
        ...

    def uuid(self, key: str) -> str:
        """What the booking is called that the action with this key makes."""
        ...

    async def products(self) -> list[Product]:
        """Everything that is sold."""
        ...

    async def availability(self, product_id: str, first: date, last: date, places: int) -> list[Availability]:
        """The departures on these local days, in every option, with the price of so many places."""
        ...

    async def find(self, uuid: str) -> Reservation | None:
        """The booking of this name, if there is one."""
        ...

    async def find_all(self, reference: str) -> list[Reservation]:
        """The bookings that carry this reference."""
        ...

    async def reserve(self, order: Order) -> Reservation:
        """Hold the places; the same uuid again is the same booking, whatever has become of it."""
        ...

    async def extend(self, uuid: str, until: datetime) -> Reservation:
        """Let a hold last until then, or somewhat longer."""
        ...

    async def confirm(self, uuid: str, contact: Contact, price: Price, reference: str) -> Reservation:
        """Make a hold binding at this price; see each adapter for how long the price may still change unseen."""
        ...

    async def quote_cancellation(self, uuid: str) -> Quote:
        """What cancelling would cost now; no cost if it is not to be had any more."""
        ...

    async def cancel(
        self, uuid: str, reason: str, max_fee: Decimal | None, reference: str, check: Check | None = None
    ) -> Reservation:
        """Give the places back for this fee or less, if the check lets the booking pass as it was last read.

        What is cancelled already stays as it is. See each adapter for how long a change after the check stays unseen.
        """
        ...
