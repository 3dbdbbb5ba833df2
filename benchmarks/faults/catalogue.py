"""Our tools at their real servers, and what else can go wrong with each."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from agentkit_tools.testing import Staging
from tests.tools.stagings.calendar import CreateEvent, DeleteEvent, UpdateEvent


@dataclass(frozen=True)
class Entry:
    """One tool at its server."""

    staging: type[Staging]
    edited: bool = False
    """Whether somebody else can edit what it wrote before it is taken back."""
    raced: bool = False
    """Whether its server is known to fail under concurrent calls."""
    forget: Callable[[Any], None] | None = None
    """Makes the server forget its idempotency keys."""
    retention: timedelta = timedelta(0)
    """For how long the tool relies on them."""


TOOLS = {
    "calendar.create_event": Entry(CreateEvent, edited=True),
    "calendar.update_event": Entry(UpdateEvent, edited=True),
    "calendar.delete_event": Entry(DeleteEvent, edited=True),
}
