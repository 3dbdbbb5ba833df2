"""Our tools at their real servers, and what else can go wrong with each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agentkit_tools.testing import Staging
from tests.tools.stagings import booking, calendar, email, jmap, pretix
from tests.tools.stagings.booking import Cancelling, Confirming, Reserving
from tests.tools.stagings.calendar import AtRadicale, CreateEvent, DeleteEvent, UpdateEvent
from tests.tools.stagings.email import Drafting, Flagging, Moving, Sending, SendingProven
from tests.tools.stagings.jmap import AtOnce


@dataclass(frozen=True)
class Entry:
    """One tool at its server."""

    staging: type[Staging]
    countable: bool = True
    """Whether an outsider can tell two effects of one call from one: who sets a state twice has set it."""
    edited: bool = False
    """Whether somebody else can edit what it wrote before it is taken back."""
    overwrite: Callable[[Any, Any], None] | None = None
    """How a program that knows no versions takes a call back: it makes the world as it was before the call."""
    raced: bool = False
    """Whether its server is known to fail under concurrent calls."""
    forget: Callable[[Any], None] | None = None
    """Makes the server forget its idempotency keys."""


def _overwrite_calendar(staging: AtRadicale, before: dict[str, str]) -> None:
    there = staging.server.objects()
    for name in there.keys() - before.keys():
        staging.server.remove(name)
    for name, text in before.items():
        if there.get(name) != text:
            staging.server.put(name, text)


def _forget_keys(staging: Any) -> None:
    staging.site.shop.books.forget_keys()


TOOLS = {
    "email.send": Entry(Sending),
    "email.send (copy is proof)": Entry(SendingProven),
    "email.draft": Entry(Drafting, edited=True),
    "email.move": Entry(Moving, countable=False, edited=True),
    "email.flag": Entry(Flagging, countable=False, edited=True),
    "email.send (JMAP)": Entry(AtOnce),
    "booking.reserve (OCTO)": Entry(Reserving, edited=True),
    "booking.confirm (OCTO)": Entry(Confirming, countable=False),
    "booking.confirm_cancellation (OCTO)": Entry(Cancelling, countable=False),
    "booking.reserve (pretix)": Entry(pretix.Reserving, edited=True, raced=True, forget=_forget_keys),
    "booking.confirm (pretix)": Entry(pretix.Confirming, countable=False),
    "booking.confirm_cancellation (pretix)": Entry(pretix.Cancelling, countable=False),
    "calendar.create_event": Entry(CreateEvent, edited=True, overwrite=_overwrite_calendar),
    "calendar.update_event": Entry(UpdateEvent, countable=False, edited=True, overwrite=_overwrite_calendar),
    "calendar.delete_event": Entry(DeleteEvent, countable=False, edited=True, overwrite=_overwrite_calendar),
}


def verified() -> list[type[Staging]]:
    """Every staging of a tool of ours."""
    modules = (booking, calendar, email, jmap, pretix)
    made = [each for module in modules for each in vars(module).values() if _is_whole(each, module.__name__)]
    return sorted(made, key=lambda each: (each.__module__, each.__name__))


def _is_whole(found: Any, module: str) -> bool:
    """Whether it is a staging of that module itself, and not what its stagings share."""
    of_module = isinstance(found, type) and issubclass(found, Staging) and found.__module__ == module
    return of_module and not found.__abstractmethods__
