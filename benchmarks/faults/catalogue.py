"""Our tools at their real servers, and what else can go wrong with each."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from agentkit_tools.testing import Staging
from tests.tools.stagings.calendar import AtRadicale, CreateEvent, DeleteEvent, UpdateEvent
from tests.tools.stagings.email import Drafting, Flagging, Moving, Sending, SendingProven
from tests.tools.stagings.jmap import AtOnce


@dataclass(frozen=True)
class Entry:
    """One tool at its server."""

    staging: type[Staging]
    edited: bool = False
    """Whether somebody else can edit what it wrote before it is taken back."""
    overwrite: Callable[[Any, Any], None] | None = None
    """How a program that knows no versions takes a call back: it makes the world as it was before the call."""
    raced: bool = False
    """Whether its server is known to fail under concurrent calls."""
    forget: Callable[[Any], None] | None = None
    """Makes the server forget its idempotency keys."""
    retention: timedelta = timedelta(0)
    """For how long the tool relies on them."""


def _overwrite_calendar(staging: AtRadicale, before: dict[str, str]) -> None:
    there = staging.server.objects()
    for name in there.keys() - before.keys():
        staging.server.remove(name)
    for name, text in before.items():
        if there.get(name) != text:
            staging.server.put(name, text)


TOOLS = {
    "email.send": Entry(Sending),
    "email.send (copy is proof)": Entry(SendingProven),
    "email.draft": Entry(Drafting, edited=True),
    "email.move": Entry(Moving, edited=True),
    "email.flag": Entry(Flagging, edited=True),
    "email.send (JMAP)": Entry(AtOnce),
    "calendar.create_event": Entry(CreateEvent, edited=True, overwrite=_overwrite_calendar),
    "calendar.update_event": Entry(UpdateEvent, edited=True, overwrite=_overwrite_calendar),
    "calendar.delete_event": Entry(DeleteEvent, edited=True, overwrite=_overwrite_calendar),
}
