"""The calendar kit: the tools calendar.list_events, calendar.create_event and calendar.delete_event."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

import icalendar
from pydantic import AwareDatetime
from pydantic_core import to_json

from agentkit.call import Proposal
from agentkit.effects import Effect, ExactInverse, Idempotent, ReadOnly
from agentkit.errors import ToolFailed
from agentkit.label import Bound, Content
from agentkit.tool import Tool, ToolContext, tool
from agentkit_tools.calendar.account import CalendarAccount
from agentkit_tools.calendar.collection import Collection
from agentkit_tools.calendar.event import Deleted, Event, as_bytes, fingerprint, new_event, show


class Calendar:
    """Lists, makes and deletes the events of one calendar."""

    def __init__(self, account: CalendarAccount) -> None:
        self._account = account
        self._collection = Collection(account)
        self.list_events = tool("calendar.list_events", repeat=ReadOnly())(self._list)
        self.delete_event = tool("calendar.delete_event", repeat=Idempotent())(self._delete)
        self.create_event = tool("calendar.create_event", repeat=Idempotent(), undo=ExactInverse(self._deletion))(
            self._create
        )

    def __iter__(self) -> Iterator[Tool[..., Any]]:
        return iter((self.list_events, self.create_event, self.delete_event))

    async def _list(self, ctx: ToolContext, day_from: date, day_to: date) -> list[Event]:
        """List what happens on these days, the last one included. The texts may be an outsider's."""
        zone = self._account.zone
        start = datetime.combine(day_from, time(0), zone)
        end = datetime.combine(day_to + timedelta(days=1), time(0), zone)
        return await asyncio.to_thread(self._collection.between, start, end)

    async def _create(
        self,
        ctx: ToolContext,
        summary: str,
        start: AwareDatetime,
        end: AwareDatetime,
        description: Annotated[str, Content] = "",
        location: str = "",
    ) -> Event:
        """Write a new event into the calendar. Nobody is invited."""
        if end <= start:
            raise ToolFailed(f"the event ends ({end.isoformat()}) before it starts ({start.isoformat()})")
        texts = {"summary": summary, "description": description, "location": location}
        event = new_event(event_uid(ctx.key), start, end, **texts)
        return await asyncio.to_thread(self._store, ctx, event)

    async def _delete(
        self,
        ctx: ToolContext,
        url: Annotated[str, Bound],
        etag: str | None = None,
        written: str | None = None,
    ) -> Deleted:
        """Delete an event, if nobody has changed it.

        Args:
            url: of the event, as calendar.list_events gives it.
            etag: the version to delete, as calendar.list_events gives it.
            written: for undo, when the etag was never learned: the fingerprint of what was written. The event
                is fetched and compared, and the version that was compared is deleted.
        """
        if not self._account.holds(url):
            raise ToolFailed(f"{url!r} is not an event of this calendar; its events are in {self._account.url}")
        if etag is None and written is None:
            raise ToolFailed("say which version to delete: give the etag that calendar.list_events shows")
        return await asyncio.to_thread(self._remove, url, etag, written)

    def _deletion(self, effect: Effect[Event]) -> Proposal[Deleted]:
        """Take back an event: by the etag we wrote, or, where we never learned it, by what we wrote."""
        return self.delete_event(
            url=self._account.url_of(event_uid(effect.key)),
            etag=effect.result.etag if effect.result else None,
            written=fingerprint(self._event_of(effect.key, effect.arguments)),
        )

    def _event_of(self, key: str, arguments: Mapping[str, Any]) -> icalendar.Event:
        fitting: Any = self.create_event.arguments.model_validate_json(to_json(arguments))
        texts = {"summary": fitting.summary, "description": fitting.description, "location": fitting.location}
        return new_event(event_uid(key), fitting.start, fitting.end, **texts)

    def _store(self, ctx: ToolContext, event: icalendar.Event) -> Event:
        """The URL is made from the key: what lies there already was stored by an earlier attempt of ours."""
        url = self._account.url_of(str(event["UID"]))
        written = self._collection.create(url, as_bytes(event, ctx.started_at))
        etag = written.etag if written else self._still_ours(url, event)
        return show(event, url, etag, self._account.zone)

    def _still_ours(self, url: str, event: icalendar.Event) -> str | None:
        """The etag of what an earlier attempt stored, unless somebody has changed it since."""
        there = self._collection.fetch(url)
        unchanged = there is not None and fingerprint(there.event) == fingerprint(event)
        return there.etag if there is not None and unchanged else None

    def _remove(self, url: str, etag: str | None, written: str | None) -> Deleted:
        if etag is None:
            there = self._collection.fetch(url)
            if there is None:
                return Deleted(url=url, was_there=False)
            if fingerprint(there.event) != written or there.etag is None:
                raise ToolFailed("somebody changed the event since it was written; list it again and look")
            etag = there.etag
        ended = self._collection.delete(url, etag)
        if ended == "changed" and self._collection.fetch(url) is not None:
            raise ToolFailed("somebody changed the event since that version; list it again and look")
        return Deleted(url=url, was_there=ended == "deleted")


def event_uid(key: str) -> str:
    """The uid of the event that an action makes: known before it is made, the same at every attempt."""
    return f"ak-{key[:32]}"
