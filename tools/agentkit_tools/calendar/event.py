"""Events: as the tools show them, as iCalendar bytes, and the fingerprint that tells if one was changed."""

import hashlib
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated, Any, cast

import icalendar
from pydantic import AwareDatetime, BaseModel

from agentkit.label import Handle

SERVERS_OWN = ("BEGIN", "END", "DTSTAMP", "CREATED", "LAST-MODIFIED")
"""What a server may write by itself, without anybody changing the event."""


class Event(BaseModel):
    """One event, or one occurrence of a repeating one. Its words may be an outsider's."""

    url: Annotated[str, Handle]
    uid: str
    summary: str
    start: AwareDatetime
    end: AwareDatetime
    all_day: bool = False
    description: str = ""
    location: str = ""
    repeats: bool = False
    """One occurrence of many: deleting the event deletes them all."""
    etag: Annotated[str | None, Handle] = None
    """The version of the event. From calendar.create_event: the version that we wrote, or None."""


class Deleted(BaseModel):
    """The event is not there any more."""

    url: Annotated[str, Handle]
    was_there: bool
    """False when somebody else had deleted it before."""


def new_event(uid: str, start: datetime, end: datetime, **texts: str) -> icalendar.Event:
    """An event of ours, without the time stamp."""
    event: Any = icalendar.Event()
    event.add("uid", uid)
    event.add("dtstart", start.astimezone(UTC))
    event.add("dtend", end.astimezone(UTC))
    for name, text in texts.items():
        if text:
            event.add(name, text.replace("\r\n", "\n").replace("\r", "\n"))
    return event


def as_bytes(event: icalendar.Event, stamp: datetime) -> bytes:
    """The calendar object to store; the same bytes for the same event and stamp."""
    stamped: Any = event.copy()
    stamped.add("dtstamp", stamp.astimezone(UTC))
    calendar: Any = icalendar.Calendar()
    calendar.add("prodid", "-//agentkit//EN")
    calendar.add("version", "2.0")
    calendar.add_component(stamped)
    return calendar.to_ical()


def fingerprint(event: icalendar.Component) -> str:
    """Of everything a person could have changed, in whatever order and folding the server returns it.

    A server that rewrites times or adds properties of its own makes it differ; an undo then refuses.
    """
    lines = [
        f"{name}:{cast('Any', value).to_ical().decode()}"
        for name, value in event.property_items()
        if name not in SERVERS_OWN and not (name == "SEQUENCE" and value == 0)
    ]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def event_in(content: bytes | str) -> icalendar.Event | None:
    """The first event of a calendar object."""
    return next(iter(cast("Any", icalendar.Calendar.from_ical(content)).walk("VEVENT")), None)


def show(event: icalendar.Component, url: str, etag: str | None, zone: tzinfo, repeats: bool = False) -> Event:
    """For the model to read."""
    begins, ends = _span(event)
    return Event(
        url=url,
        uid=str(event.get("UID", "")),
        summary=str(event.get("SUMMARY", "")),
        start=_moment(begins, zone),
        end=_moment(ends, zone),
        all_day=not isinstance(begins, datetime),
        description=str(event.get("DESCRIPTION", "")),
        location=str(event.get("LOCATION", "")),
        repeats=repeats,
        etag=etag,
    )


def _span(event: icalendar.Component) -> tuple[date, date]:
    """RFC 5545 section 3.6.1: without an end, a day lasts a day and a moment lasts no time."""
    begins = cast("date", event.decoded("DTSTART"))
    if "DTEND" in event:
        return begins, cast("date", event.decoded("DTEND"))
    otherwise = timedelta(0) if isinstance(begins, datetime) else timedelta(days=1)
    lasts = cast("timedelta", event.decoded("DURATION")) if "DURATION" in event else otherwise
    return begins, begins + lasts


def _moment(value: date, zone: tzinfo) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time(0), zone)
    return value if value.tzinfo else value.replace(tzinfo=zone)
