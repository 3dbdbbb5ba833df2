"""Bookings at one server, whichever it is: look, hold, extend, confirm, cancel. `Octo` and `Pretix` are two servers."""

try:
    import httpx as httpx
except ImportError as missing:
    raise ImportError("bookings need httpx: pip install 'agentkit-framework[booking]'") from missing

from agentkit_tools.booking.kit import Booking
from agentkit_tools.booking.octo import Octo
from agentkit_tools.booking.pretix import Pretix
from agentkit_tools.booking.provider import Contact, Order, Price, Promises, Provider
from agentkit_tools.booking.reservation import Availability, Option, Product, Reservation, Unit

__all__ = [
    "Availability",
    "Booking",
    "Contact",
    "Octo",
    "Option",
    "Order",
    "Pretix",
    "Price",
    "Product",
    "Promises",
    "Provider",
    "Reservation",
    "Unit",
]
