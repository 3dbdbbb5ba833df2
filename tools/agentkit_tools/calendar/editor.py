"""Changing, deleting and restoring what lies in a calendar, so that each can be repeated and taken back."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from agentkit.errors import ToolFailed
from agentkit.tool import ToolContext
from agentkit_tools.calendar.account import CalendarAccount
from agentkit_tools.calendar.collection import Collection, Stored
from agentkit_tools.calendar.conditions import delete_version, known_etag, put_back, store_change
from agentkit_tools.calendar.edit import Stamp, Wanted, changed, without
from agentkit_tools.calendar.event import Deleted, Event, show
from agentkit_tools.calendar.fingerprint import fingerprint
from agentkit_tools.calendar.stored import UNREADABLE, event_at, events_in, is_ours


class Editor:
    """Works on one calendar's events; what it `admits` is what it may touch, and raises `ToolFailed` otherwise."""

    def __init__(self, account: CalendarAccount, admits: Callable[[str], None]) -> None:
        self._account = account
        self._admits = admits
        self._collection = Collection(account)

    async def change(self, ctx: ToolContext, url: str, etag: str, wanted: Wanted) -> Event:
        """Store the event changed, in the place of that version."""
        there = await self._existing(url)
        if is_ours(there.text, ctx.action):
            return self._shown(there.text, url, there.etag, wanted.occurrence)
        known = known_etag(there, etag, None)
        self._admits(there.text)
        content = await _edited(changed, there.text, wanted, self._account.zone, Stamp(ctx.action, ctx.started_at))
        shown = self._shown(content, url, None, wanted.occurrence)
        written = await self._store(ctx, url, there.text, content, known)
        return shown.model_copy(update={"etag": written})

    async def delete(self, ctx: ToolContext, url: str, etag: str | None, written: str | None) -> Deleted:
        """Delete that version or that content."""
        there = await self.look(url)
        if there is None:
            # Whether it was there when the first attempt came is in the journal.
            return Deleted(url=url, was_there=await ctx.point_of_no_return() is not None)
        known = known_etag(there, etag, written)
        self._admits(there.text)
        await ctx.point_of_no_return(before=_before(there.text))
        deleted = await asyncio.to_thread(delete_version, self._collection, url, known)
        # An earlier attempt's request may have overtaken ours.
        return Deleted(url=url, was_there=deleted or ctx.attempt > 1)

    async def delete_occurrence(self, ctx: ToolContext, url: str, etag: str | None, occurrence: datetime) -> Deleted:
        """Store the event without one of its occurrences, in the place of that version."""
        there = await self._existing(url)
        if is_ours(there.text, ctx.action):
            return Deleted(url=url, was_there=True, etag=there.etag)
        known = known_etag(there, etag, None)
        self._admits(there.text)
        content = await _edited(without, there.text, occurrence, self._account.zone, Stamp(ctx.action, ctx.started_at))
        return Deleted(url=url, was_there=True, etag=await self._store(ctx, url, there.text, content, known))

    async def put_back(self, url: str, content: str, etag: str | None, written: str | None) -> Event:
        """Store what was there before we wrote that version or that content, or deleted it."""
        self._check(url)
        self._admits(content)
        now = await asyncio.to_thread(put_back, self._collection, url, content, etag, written)
        return self._shown(content, url, now, None)

    async def look(self, url: str) -> Stored | None:
        """What lies there.

        Raises:
            ToolFailed: the URL is not of this calendar.
        """
        self._check(url)
        return await asyncio.to_thread(self._collection.fetch, url)

    async def show(self, url: str) -> Event:
        """For the model to read."""
        there = await self._existing(url)
        return self._shown(there.text, url, there.etag, None)

    async def _existing(self, url: str) -> Stored:
        if (there := await self.look(url)) is None:
            raise ToolFailed(f"there is no event at {url}; calendar.list_events shows those that there are")
        return there

    async def _store(self, ctx: ToolContext, url: str, old: str, new: str, etag: str) -> str | None:
        await ctx.point_of_no_return(before=_before(old, fingerprint(new)))
        return await asyncio.to_thread(store_change, self._collection, url, new, etag, ctx.action)

    def _shown(self, text: str, url: str, etag: str | None, occurrence: datetime | None) -> Event:
        return show(event_at(text, occurrence, self._account.zone), url, etag, self._account.zone)

    def _check(self, url: str) -> None:
        if not self._account.holds(url):
            raise ToolFailed(f"{url!r} is not an event of this calendar; its events are in {self._account.url}")


def patience_for(account: CalendarAccount) -> timedelta:
    """How long a tool may take: as long as all of its requests together, of which there are five at most."""
    return timedelta(seconds=5 * account.timeout + 10)


def before_arguments(url: str, before: Mapping[str, Any], etag: str | None) -> dict[str, Any]:
    """What restores the event: what was there, and what we put in its place."""
    return {"url": url, "content": before["ical"], "etag": etag, "written": before.get("written")}


def no_attendees(text: str) -> None:
    """Refuse an event with attendees: the server may mail every one of them, and a mail cannot be taken back."""
    if any("ATTENDEE" in event for event in events_in(text)):
        raise ToolFailed(
            "the event has attendees, whom the calendar's server may mail: "
            "use calendar.update_meeting or calendar.cancel_meeting"
        )


async def _edited(edit: Callable[..., str], *arguments: Any) -> str:
    """What shall be stored; rules may take a while to be worked out.

    Raises:
        ToolFailed: the event is malformed. Nothing was written.
    """
    try:
        return await asyncio.to_thread(edit, *arguments)
    except UNREADABLE as error:
        raise ToolFailed(f"the event cannot be read, and so not be changed: {error}") from error


def _before(text: str, written: str | None = None) -> dict[str, Any]:
    return {"ical": text} | ({"written": written} if written else {})
