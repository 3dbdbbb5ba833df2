"""The fingerprint of a calendar object: tells whether somebody has changed an event, when no etag does."""

import hashlib
import json
from typing import Any, cast

import icalendar

MARK = "X-AGENTKIT-ACTION"
"""The property that names the action of ours that wrote the event last."""

SERVERS_OWN = ("BEGIN", "END", "DTSTAMP", "CREATED", "LAST-MODIFIED", MARK)
"""What a server may write by itself, or we, without the event being another."""

PEOPLE = ("ATTENDEE", "ORGANIZER")
"""Their parameters are what they answered, and what the server has sent them."""


def fingerprint(content: str | bytes) -> str:
    """Of everything a person could have changed, in whatever order and folding the server returns it.

    Time zone definitions are left out, since servers replace them by their own. A server that rewrites times or adds
    properties makes the fingerprint differ; an undo then refuses.
    """
    calendar: Any = icalendar.Calendar.from_ical(content)
    parts = [_canonical(part) for part in calendar.subcomponents if part.name != "VTIMEZONE"]
    return hashlib.sha256(json.dumps(sorted(parts)).encode()).hexdigest()


def says(content: str, known: str | None) -> bool:
    """Whether the object is what has this fingerprint; what cannot be read is something else."""
    try:
        return fingerprint(content) == known
    except ValueError:
        return False


def _canonical(component: icalendar.Component) -> list[Any]:
    items = cast("list[tuple[str, Any]]", component.property_items(recursive=False))
    lines = [_line(name, value) for name, value in items if name not in SERVERS_OWN]
    inner = [_canonical(part) for part in component.subcomponents]
    return [component.name, sorted(line for line in lines if line != "SEQUENCE:0"), sorted(inner)]


def _line(name: str, value: Any) -> str:
    parameters = sorted(f";{key}={each}" for key, each in value.params.items() if name not in PEOPLE)
    return f"{name}{''.join(parameters)}:{value.to_ical().decode()}"
