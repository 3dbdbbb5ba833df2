"""The calendar kit: events are listed, made, moved and deleted; those with attendees are meetings."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field
from pydantic_core import to_json

from agentkit.call import Proposal
from agentkit.effects import Effect, ExactInverse, Idempotent, ReadOnly
from agentkit.errors import ToolFailed
from agentkit.label import Bound, Content
from agentkit.tool import Tool, ToolContext, tool
from agentkit_tools.calendar.account import CalendarAccount
from agentkit_tools.calendar.collection import Collection
from agentkit_tools.calendar.conditions import store_new
from agentkit_tools.calendar.draft import Draft, event_uid
from agentkit_tools.calendar.edit import Wanted
from agentkit_tools.calendar.editor import Editor, before_arguments, no_attendees, patience_for
from agentkit_tools.calendar.event import Deleted, Event, show
from agentkit_tools.calendar.fingerprint import fingerprint
from agentkit_tools.calendar.meetings import Meetings
from agentkit_tools.calendar.repeats import Repeats
from agentkit_tools.calendar.zone import Day, Moment, TimeZone


class Calendar:
    """The events and meetings of one calendar.

    Args:
        account: which calendar, and who logs in.
        organizer: the address that meetings are called from; without it the user name, if that is an address.
    """

    def __init__(self, account: CalendarAccount, organizer: str | None = None) -> None:
        self._account = account
        self._collection = Collection(account)
        self._editor = Editor(account, no_attendees)
        self.meetings = Meetings(account, organizer)
        restored, deleted = ExactInverse(self._restoration), ExactInverse(self._deletion)
        again, patience = Idempotent(), patience_for(account)
        self.list_events = tool("calendar.list_events", repeat=ReadOnly(), timeout=patience)(self._list)
        self.get_event = tool("calendar.get_event", repeat=ReadOnly(), timeout=patience)(self._get)
        self.restore_event = tool("calendar.restore_event", repeat=again, timeout=patience)(self._restore)
        self.delete_event = tool("calendar.delete_event", repeat=again, undo=restored, timeout=patience)(self._delete)
        self.update_event = tool("calendar.update_event", repeat=again, undo=restored, timeout=patience)(self._update)
        self.create_event = tool("calendar.create_event", repeat=again, undo=deleted, timeout=patience)(self._create)

    def __iter__(self) -> Iterator[Tool[..., Any]]:
        reading = (self.list_events, self.get_event)
        writing = (self.create_event, self.update_event, self.delete_event, self.restore_event)
        return iter((*reading, *writing, *self.meetings))

    async def _list(self, ctx: ToolContext, day_from: Day, day_to: Day) -> list[Event]:
        """List what happens on these days, the last one included. The texts may be an outsider's."""
        zone = self._account.zone
        start = datetime.combine(day_from, time(0), zone)
        end = datetime.combine(day_to + timedelta(days=1), time(0), zone)
        return await asyncio.to_thread(self._collection.between, start, end)

    async def _get(self, ctx: ToolContext, url: str) -> Event:
        """Show one event: if it repeats, the first occurrence and the rule. The texts may be an outsider's."""
        return await self._editor.show(url)

    async def _create(
        self,
        ctx: ToolContext,
        summary: str,
        start: Moment,
        end: Moment,
        description: Annotated[str, Content] = "",
        location: str = "",
        time_zone: TimeZone | None = None,
        all_day: bool = False,
        repeats: Repeats | None = None,
        reminder_minutes: Annotated[int, Field(ge=0, le=525_600)] | None = None,
    ) -> Event:
        """Write a new event into the calendar. Nobody is invited; calendar.create_meeting does that.

        Args:
            summary: its title.
            start: with its offset from UTC.
            end: with its offset from UTC. Of whole days: the midnight after the last one.
            description: a longer text.
            location: where it is.
            time_zone: whose clock it keeps when it repeats in summer and winter; the calendar's own if not given.
            all_day: whole days; start and end are midnights in the calendar's time zone.
            repeats: how often it comes back.
            reminder_minutes: how long before it a calendar program shall remind.
        """
        if all_day and time_zone:
            raise ToolFailed("whole days have no time zone of their own; leave time_zone out")
        texts = {"summary": summary, "description": description, "location": location}
        more = {"all_day": all_day, "repeats": repeats, "reminder_minutes": reminder_minutes}
        draft = self._draft(ctx.key, time_zone=time_zone, start=start, end=end, **texts, **more)
        draft.check()
        return await asyncio.to_thread(self._store, draft, ctx.started_at)

    async def _update(
        self,
        ctx: ToolContext,
        url: Annotated[str, Bound],
        etag: str,
        summary: str | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        location: str | None = None,
        description: Annotated[str | None, Content] = None,
        occurrence: Moment | None = None,
    ) -> Event:
        """Move an event or change its texts, if nobody has changed it since. What is not given stays as it is.

        Args:
            url: of the event, as calendar.list_events gives it.
            etag: the version to change, as calendar.list_events gives it.
            summary: its title.
            start: when it starts; without an end it stays as long as it was.
            end: when it ends.
            location: where it is; "" takes it away.
            description: a longer text; "" takes it away.
            occurrence: change only this one of a repeating event, as calendar.list_events gives it; else all.
        """
        wanted = Wanted(summary, start, end, location, description, occurrence)
        return await self._editor.change(ctx, url, etag, wanted)

    async def _delete(
        self,
        ctx: ToolContext,
        url: Annotated[str, Bound],
        etag: str | None = None,
        written: str | None = None,
        occurrence: Moment | None = None,
    ) -> Deleted:
        """Delete an event, if nobody has changed it.

        Args:
            url: of the event, as calendar.list_events gives it.
            etag: the version to delete, as calendar.list_events gives it.
            written: for undo: the fingerprint of what was written. What says the same is deleted, whatever its etag.
            occurrence: delete only this one of a repeating event, as calendar.list_events gives it; else all.
        """
        if etag is None and (written is None or occurrence is not None):
            raise ToolFailed("say which version to delete: give the etag that calendar.list_events shows")
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
        """For undo: put an event back as it was, if nobody has touched it since we changed or deleted it.

        Args:
            url: of the event.
            content: the calendar object that was there.
            etag: the version that we wrote.
            written: the fingerprint of what we wrote. Without both: nothing may be there.
        """
        return await self._editor.put_back(url, content, etag, written)

    def _deletion(self, effect: Effect[Event]) -> Proposal[Deleted]:
        """Take back an event: by the etag we wrote, or, where we never learned it, by what we wrote."""
        fitting: Any = self.create_event.arguments.model_validate_json(to_json(effect.arguments))
        draft = self._draft(effect.key, **dict(fitting))
        return self.delete_event(
            url=self._account.url_of(draft.uid),
            etag=effect.result.etag if effect.result else None,
            written=fingerprint(draft.content(draft.start)),
        )

    def _restoration(self, effect: Effect[Event | Deleted]) -> Proposal[Event] | None:
        """Put back what was there, once that is known; what somebody else had deleted is not ours to restore."""
        nothing_done = isinstance(effect.result, Deleted) and not effect.result.was_there
        if effect.before is None or nothing_done:
            return None
        etag = effect.result.etag if effect.result else None
        return self.restore_event(**before_arguments(effect.arguments["url"], effect.before, etag))

    def _draft(self, key: str, *, time_zone: str | None, **wanted: Any) -> Draft:
        return Draft(uid=event_uid(key), zone=ZoneInfo(time_zone or self._account.time_zone), **wanted)

    def _store(self, draft: Draft, stamp: datetime) -> Event:
        url = self._account.url_of(draft.uid)
        etag = store_new(self._collection, url, draft.content(stamp))
        return show(draft.event(), url, etag, self._account.zone)
