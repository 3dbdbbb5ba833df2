"""Meetings: events with attendees. To write one is to send mail, where the calendar's server does that."""

import asyncio
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import to_json

from agentkit.call import Proposal
from agentkit.effects import Compensable, Effect, Idempotent, Quote, ReadOnly
from agentkit.errors import ToolFailed
from agentkit.label import Bound, Content
from agentkit.tool import Tool, ToolContext, tool
from agentkit_tools.calendar.account import CalendarAccount
from agentkit_tools.calendar.collection import Collection
from agentkit_tools.calendar.conditions import store_new
from agentkit_tools.calendar.draft import Draft, event_uid
from agentkit_tools.calendar.edit import Wanted, restorable
from agentkit_tools.calendar.editor import Editor, before_arguments, patience_for
from agentkit_tools.calendar.event import Deleted, Event, Meeting, attendees_of, organizer_of, show
from agentkit_tools.calendar.fingerprint import fingerprint
from agentkit_tools.calendar.repeats import Repeats
from agentkit_tools.calendar.stored import events_in, main_event
from agentkit_tools.calendar.zone import Moment, TimeZone


def _address(value: str) -> str:
    if not re.fullmatch(r"[^\s@:;,<>\"\\\x00-\x1f\x7f]+@[^\s@:;,<>\"\\\x00-\x1f\x7f]+", value):
        raise ValueError(f"{value!r} is not a mail address such as ann@example.org")
    return value


Attendee = Annotated[str, AfterValidator(_address), WithJsonSchema({"type": "string", "format": "email"})]


class Meetings:
    """Calls, changes and cancels the meetings of one organizer. None of it is undone: it is called off, or corrected.

    On a server with `calendar-auto-schedule` (RFC 6638) every one of these writes makes the server mail the attendees.
    On others nobody is told, and the results say so.

    Raises:
        ValueError: the organizer is not a mail address.
    """

    def __init__(self, account: CalendarAccount, organizer: str | None = None) -> None:
        self._account = account
        self._organizer = _address(organizer or account.username) if organizer or "@" in account.username else None
        self._collection = Collection(account)
        self._editor = Editor(account, self._check_ours)
        corrected = Compensable(self._correction, self._price)
        called_off = Compensable(self._cancellation, self._price)
        again, patience = Idempotent(), patience_for(account)
        self.quote_cancellation = tool("calendar.quote_cancellation", repeat=ReadOnly(), timeout=patience)(self._quote)
        self.cancel_meeting = tool("calendar.cancel_meeting", repeat=again, timeout=patience)(self._cancel)
        self.restore_meeting = tool("calendar.restore_meeting", repeat=again, timeout=patience)(self._restore)
        self.update_meeting = tool("calendar.update_meeting", repeat=again, undo=corrected, timeout=patience)(
            self._update
        )
        self.create_meeting = tool("calendar.create_meeting", repeat=again, undo=called_off, timeout=patience)(
            self._create
        )

    def __iter__(self) -> Iterator[Tool[..., Any]]:
        asked = (self.create_meeting, self.update_meeting, self.cancel_meeting)
        return iter((*asked, self.restore_meeting, self.quote_cancellation))

    async def _create(
        self,
        ctx: ToolContext,
        summary: Annotated[str, Content],
        start: Moment,
        end: Moment,
        attendees: Annotated[list[Attendee], Bound, Field(min_length=1)],
        description: Annotated[str, Content] = "",
        location: Annotated[str, Content] = "",
        time_zone: TimeZone | None = None,
        repeats: Repeats | None = None,
    ) -> Meeting:
        """Write a meeting into the calendar and invite people, whom the calendar's server may mail.

        Args:
            summary: its title.
            start: with its offset from UTC.
            end: with its offset from UTC.
            attendees: the addresses of all who are invited.
            description: a longer text.
            location: where it is.
            time_zone: whose clock it keeps when it repeats in summer and winter; the calendar's own if not given.
            repeats: how often it comes back.
        """
        if self._organizer is None:
            raise ToolFailed(
                "nobody calls the meeting: make the kit with Calendar(account, organizer='me@example.org')"
            )
        texts = {"summary": summary, "description": description, "location": location}
        more = {"repeats": repeats, "attendees": attendees}
        draft = self._draft(ctx.key, time_zone=time_zone, start=start, end=end, **texts, **more)
        draft.check()
        mails = await self._server_mails()
        url = self._account.url_of(draft.uid)
        etag = await asyncio.to_thread(store_new, self._collection, url, draft.content(ctx.started_at))
        return _meeting(show(draft.event(), url, etag, self._account.zone), mails)

    async def _update(
        self,
        ctx: ToolContext,
        url: Annotated[str, Bound],
        etag: str,
        summary: Annotated[str | None, Content] = None,
        start: Moment | None = None,
        end: Moment | None = None,
        location: Annotated[str | None, Content] = None,
        description: Annotated[str | None, Content] = None,
        occurrence: Moment | None = None,
        attendees: Annotated[list[Attendee] | None, Bound, Field(min_length=1)] = None,
    ) -> Meeting:
        """Move a meeting, change its texts or attendees, if nobody has changed it. The server may mail them.

        Args:
            url: of the meeting, as calendar.list_events gives it.
            etag: the version to change, as calendar.list_events gives it.
            summary: its title.
            start: when it starts; without an end it stays as long as it was.
            end: when it ends.
            location: where it is; "" takes it away.
            description: a longer text; "" takes it away.
            occurrence: change only this one of a repeating meeting, as calendar.list_events gives it; else all.
            attendees: the addresses of all who are invited afterwards; who is not among them is uninvited.
        """
        mails = await self._server_mails()
        wanted = Wanted(summary, start, end, location, description, occurrence, attendees)
        return _meeting(await self._editor.change(ctx, url, etag, wanted), mails)

    async def _cancel(
        self,
        ctx: ToolContext,
        url: Annotated[str, Bound],
        etag: str | None = None,
        written: str | None = None,
        occurrence: Moment | None = None,
    ) -> Deleted:
        """Call off a meeting that we have called. The server may mail a cancellation to its attendees.

        Args:
            url: of the meeting, as calendar.list_events gives it.
            etag: the version to call off, as calendar.list_events gives it.
            written: for undo: the fingerprint of what was written; what the attendees have answered does not count.
            occurrence: call off only this one of a repeating meeting, as calendar.list_events gives it; else all.
        """
        if etag is None and (written is None or occurrence is not None):
            raise ToolFailed("say which version to call off: give the etag that calendar.list_events shows")
        if occurrence is not None:
            return await self._editor.delete_occurrence(ctx, url, etag, occurrence)
        return await self._editor.delete(ctx, url, etag, written)

    async def _restore(
        self,
        ctx: ToolContext,
        url: Annotated[str, Bound],
        content: Annotated[str, Bound],
        etag: str | None = None,
        written: str | None = None,
    ) -> Event:
        """For undo: correct a meeting to what it was before we changed it. The server may mail its attendees again.

        Args:
            url: of the meeting.
            content: the calendar object that was there, with a newer SEQUENCE than ours.
            etag: the version that we wrote.
            written: the fingerprint of what we wrote.
        """
        if etag is None and written is None:
            raise ToolFailed("say what was written: a meeting is corrected only while nobody else has changed it")
        return await self._editor.put_back(url, content, etag, written)

    async def _quote(self, ctx: ToolContext, url: str) -> Quote:
        """Say whom calling off or correcting a meeting would reach. It costs nothing."""
        there = await self._editor.look(url)
        if there is None:
            return Quote(Decimal(0), "XXX", note="the meeting is not in the calendar any more")
        names = ", ".join(attendees_of(_main(there.text)))
        if await self._server_mails():
            return Quote(Decimal(0), "XXX", note=f"the calendar's server mails {names}")
        return Quote(Decimal(0), "XXX", note=f"the calendar's server mails nobody: {names} have to be told")

    def _price(self, effect: Effect[Meeting]) -> Proposal[Quote]:
        return self.quote_cancellation(url=effect.arguments.get("url") or self._account.url_of(event_uid(effect.key)))

    def _cancellation(self, effect: Effect[Meeting]) -> Proposal[Deleted]:
        fitting: Any = self.create_meeting.arguments.model_validate_json(to_json(effect.arguments))
        draft = self._draft(effect.key, **dict(fitting))
        written = fingerprint(draft.content(draft.start))
        return self.cancel_meeting(url=self._account.url_of(draft.uid), written=written)

    def _correction(self, effect: Effect[Meeting]) -> Proposal[Event]:
        """Until it is known what was there, a proposal that does nothing."""
        if effect.before is None:
            return self.restore_meeting(url=effect.arguments["url"], content="", written="")
        corrected = {**effect.before, "ical": restorable(effect.before["ical"])}
        return self.restore_meeting(**before_arguments(effect.arguments["url"], corrected, None))

    def _draft(self, key: str, *, time_zone: str | None, **wanted: Any) -> Draft:
        zone = ZoneInfo(time_zone or self._account.time_zone)
        return Draft(uid=event_uid(key), zone=zone, organizer=self._organizer, **wanted)

    async def _server_mails(self) -> bool:
        return await asyncio.to_thread(self._collection.mails_attendees)

    def _check_ours(self, text: str) -> None:
        event = _main(text)
        if not attendees_of(event):
            raise ToolFailed("nobody is invited: use calendar.update_event or calendar.delete_event")
        organizer = organizer_of(event) or ""
        if organizer.lower() != (self._organizer or "").lower():
            raise ToolFailed(f"the meeting is {organizer or 'nobody'}'s, who alone can change it or call it off")


def _main(text: str) -> Any:
    events = events_in(text)
    return events[main_event(events)]


def _meeting(event: Event, server_mails: bool) -> Meeting:
    return Meeting(**dict(event), server_mails=server_mails)
