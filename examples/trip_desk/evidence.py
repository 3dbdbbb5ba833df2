"""Evidence: what the servers say has happened, whatever any agent says."""

from __future__ import annotations

import imaplib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

import httpx
from icalendar import Calendar

from examples.trip_desk.world import World

ACTION_HEADER = "X-Agentkit-Action"


@dataclass(frozen=True)
class Mail:
    """One mail the traveller has received, with the number of its copies."""

    message_id: str
    copies: int
    action: str | None
    sender: str
    subject: str
    body: str


@dataclass(frozen=True)
class BookingSeen:
    """One booking in the booking server's books; amounts in minor units."""

    uuid: str
    status: str
    reference: str | None
    product_id: str
    availability_id: str
    places: int
    total: int
    fee: int | None

    @property
    def is_live(self) -> bool:
        return self.status in ("ON_HOLD", "CONFIRMED")


@dataclass(frozen=True)
class Event:
    """One event in the desk's calendar."""

    uid: str
    summary: str
    starts: datetime | date


@dataclass(frozen=True)
class Effects:
    """Everything that has changed in the world since it was created."""

    mails: tuple[Mail, ...]
    bookings: tuple[BookingSeen, ...]
    events: tuple[Event, ...]

    @property
    def live_bookings(self) -> tuple[BookingSeen, ...]:
        return tuple(each for each in self.bookings if each.is_live)

    @property
    def duplicates(self) -> tuple[str, ...]:
        """One sentence for each effect too many: the story needs one booking and one event at most."""
        return (*self._repeated_mails(), *self._repeated_bookings(), *self._repeated_events())

    def _repeated_mails(self) -> Iterable[str]:
        for mail in self.mails:
            yield from [f"another copy of the mail {mail.message_id}"] * (mail.copies - 1)
        actions = Counter(mail.action for mail in self.mails if mail.action)
        for action, times in actions.items():
            yield from [f"another mail of the action {action}"] * (times - 1)

    def _repeated_bookings(self) -> Iterable[str]:
        return (f"another live booking {each.uuid} ({each.status})" for each in self.live_bookings[1:])

    def _repeated_events(self) -> Iterable[str]:
        return (f"another event {each.uid} ({each.summary})" for each in self.events[1:])


def effects(world: World) -> Effects:
    """Ask the mail server as the traveller, and the other two as the desk."""
    return Effects(mails=_mails(world), bookings=_bookings(world), events=_events(world))


def _mails(world: World) -> tuple[Mail, ...]:
    messages = _inbox(world)
    copies = Counter(_id(message) for message in messages)
    first = {_id(message): message for message in reversed(messages)}
    return tuple(_mail(first[message_id], count) for message_id, count in copies.items())


def _inbox(world: World) -> list[EmailMessage]:
    where = world.addresses
    with imaplib.IMAP4(where.imap_host, where.imap_port, timeout=10) as imap:
        imap.login(world.traveller.address, world.traveller.password)
        imap.select("INBOX", readonly=True)
        numbers = imap.search(None, "ALL")[1][0].split()
        return [_fetch(imap, number.decode()) for number in numbers]


def _fetch(imap: imaplib.IMAP4, number: str) -> EmailMessage:
    _, parts = imap.fetch(number, "(BODY.PEEK[])")
    raw = next(part[1] for part in parts if isinstance(part, tuple))
    return BytesParser(policy=policy.default).parsebytes(raw)


def _id(message: EmailMessage) -> str:
    return str(message["Message-ID"]).strip()


def _mail(message: EmailMessage, copies: int) -> Mail:
    action, body = message[ACTION_HEADER], message.get_body(("plain", "html"))
    return Mail(
        message_id=_id(message),
        copies=copies,
        action=str(action).strip() if action else None,
        sender=str(message["From"]),
        subject=str(message["Subject"]),
        body=body.get_content() if body else "",
    )


def _bookings(world: World) -> tuple[BookingSeen, ...]:
    token = {"Authorization": f"Bearer {world.octo_token}"}
    answer = httpx.get(f"{world.addresses.octo_url}/bookings", headers=token, trust_env=False)
    return tuple(_booking(document) for document in answer.raise_for_status().json())


def _booking(document: dict[str, Any]) -> BookingSeen:
    return BookingSeen(
        uuid=document["uuid"],
        status=document["status"],
        reference=document["resellerReference"],
        product_id=document["productId"],
        availability_id=document["availabilityId"],
        places=len(document["unitItems"]),
        total=document["pricing"]["total"],
        fee=document["cancellation"]["fee"] if document["cancellation"] else None,
    )


def _events(world: World) -> tuple[Event, ...]:
    """The whole calendar in one file, which is what Radicale answers to a GET of the collection."""
    login = (world.desk.address, world.desk.password)
    answer = httpx.get(world.addresses.calendar_url, auth=login, trust_env=False).raise_for_status()
    calendar = Calendar.from_ical(answer.content)
    return tuple(
        Event(str(each["UID"]), str(each.get("SUMMARY", "")), each.decoded("DTSTART"))
        for each in calendar.walk("VEVENT")
    )
