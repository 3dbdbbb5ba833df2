"""Bookings at a server that speaks OCTO 1.0: look, hold, confirm, cancel."""

try:
    import httpx as httpx
except ImportError as missing:
    raise ImportError("bookings need httpx: pip install 'agentkit-framework[booking]'") from missing

from agentkit_tools.booking.kit import Booking
from agentkit_tools.booking.octo import Octo
from agentkit_tools.booking.reservation import Availability, Option, Product, Reservation, Unit

__all__ = ["Availability", "Booking", "Octo", "Option", "Product", "Reservation", "Unit"]
