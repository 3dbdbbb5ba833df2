"""Events as the tools show them to a model."""

from datetime import date, datetime, time, timedelta, tzinfo
from typing import Annotated, Any, cast

import icalendar
from pydantic import AwareDatetime, BaseModel

from agentkit.label import Handle


class Event(BaseModel):
    """One event, or one occurrence of a repeating one. Its words may be an outsider's."""

    url: Annotated[str, Handle]
    uid: str
    summary: str
    start: AwareDatetime
    end: AwareDatetime
    """Of whole days, the midnight after the last one."""
    all_day: bool = False
    time_zone: str | None = None
    """In which the event is kept, whatever its clocks do; None for whole days."""
    description: str = ""
    location: str = ""
    repeats: bool = False
    """One occurrence of many: deleting the event deletes them all."""
    occurrence: AwareDatetime | None = None
    """Which one of many: when it was to start before it was moved."""
    rule: str = ""
    """How it repeats, as iCalendar writes it, where the whole event is shown."""
    organizer: str | None = None
    attendees: list[str] = []
    """Addresses. Who is in here may be mailed by the calendar's server whenever the event changes."""
    etag: Annotated[str | None, Handle] = None
    """The version of the event: the one that is there or, after a change of ours, the one that we wrote. None: the
    server names no version, or somebody has changed the event since."""


class Deleted(BaseModel):
    """The event, or the one occurrence of it, is not there any more."""

    url: Annotated[str, Handle]
    was_there: bool
    """False when somebody else had deleted it before."""
    etag: Annotated[str | None, Handle] = None
    """The version of what is left, when one occurrence of many was deleted."""


class Meeting(Event):
    """An event with attendees."""

    server_mails: bool = False
    """Whether the calendar's server itself mails the attendees. False: nobody is told until somebody tells them."""


def show(event: icalendar.Component, url: str, etag: str | None, zone: tzinfo) -> Event:
    """For the model to read; `zone` is for what has none of its own."""
    begins, ends = span(event)
    which = event.get("RECURRENCE-ID")
    return Event(
        url=url,
        uid=str(event.get("UID", "")),
        summary=str(event.get("SUMMARY", "")),
        start=moment(begins, zone),
        end=moment(ends, zone),
        all_day=not isinstance(begins, datetime),
        time_zone=_zone_name(event),
        description=str(event.get("DESCRIPTION", "")),
        location=str(event.get("LOCATION", "")),
        repeats=which is not None or "RRULE" in event or "RDATE" in event,
        occurrence=moment(which.dt, zone) if which is not None else None,
        rule=cast("Any", event["RRULE"]).to_ical().decode() if "RRULE" in event else "",
        organizer=organizer_of(event),
        attendees=attendees_of(event),
        etag=etag,
    )


def span(event: icalendar.Component) -> tuple[date, date]:
    """RFC 5545 section 3.6.1: without an end, a day lasts a day and a moment lasts no time."""
    begins = cast("date", event.decoded("DTSTART"))
    if "DTEND" in event:
        return begins, cast("date", event.decoded("DTEND"))
    otherwise = timedelta(0) if isinstance(begins, datetime) else timedelta(days=1)
    lasts = cast("timedelta", event.decoded("DURATION")) if "DURATION" in event else otherwise
    return begins, begins + lasts


def moment(value: date, zone: tzinfo) -> datetime:
    """A day begins at midnight in the zone, and a time without a zone is the zone's."""
    if not isinstance(value, datetime):
        return datetime.combine(value, time(0), zone)
    return value if value.tzinfo else value.replace(tzinfo=zone)


def organizer_of(event: icalendar.Component) -> str | None:
    """The address of who invites, if anybody does."""
    return _address(event["ORGANIZER"]) if "ORGANIZER" in event else None


def attendees_of(event: icalendar.Component) -> list[str]:
    """The addresses of all who are invited."""
    there: Any = event.get("ATTENDEE", [])
    return [_address(each) for each in (cast("list[Any]", there) if isinstance(there, list) else [there])]


def _address(value: Any) -> str:
    text = str(value)
    return text[len("mailto:") :] if text.lower().startswith("mailto:") else text


def _zone_name(event: icalendar.Component) -> str | None:
    begins = cast("Any", event["DTSTART"])
    if not isinstance(begins.dt, datetime) or begins.dt.tzinfo is None:
        return None
    return begins.params.get("TZID", "UTC")
