"""The booking tools at a pretix shop: the same calls as at the OCTO server."""

from contextlib import AbstractContextManager
from pathlib import Path

from tests.tools.booking.sites import Site, at_pretix
from tests.tools.stagings import booking


class AtPretixShop(booking.AtBookingServer):
    """A shop of its own for each staging."""

    def _running(self, folder: Path) -> AbstractContextManager[Site]:
        return at_pretix(folder)


class Reserving(AtPretixShop, booking.Reserving):
    """Holds."""


class Confirming(AtPretixShop, booking.Confirming):
    """Confirmations."""


class Extending(AtPretixShop, booking.Extending):
    """Extensions."""


class Cancelling(AtPretixShop, booking.Cancelling):
    """Cancellations."""
