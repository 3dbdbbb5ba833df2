"""The calendar's tools at Radicale: what the conformance kit calls, and what an outsider sees of it."""

import re
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import httpx
from pydantic import SecretStr

from agentkit.call import Proposal
from agentkit_tools.calendar import Calendar, CalendarAccount
from agentkit_tools.testing import Staging
from tests.servers.radicale import Radicale, running

START = datetime(2027, 3, 1, 10, tzinfo=UTC)
WEEKLY = "RRULE:FREQ=WEEKLY;COUNT=4\r\n"
PEOPLE = "ORGANIZER:mailto:ann@example.org\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:bob@example.org\r\n"
CLOCKS = re.compile(r"^(DTSTAMP|LAST-MODIFIED|CREATED)[:;].*\r\n", re.MULTILINE)


class AtRadicale(Staging):
    """A calendar of its own for each staging."""

    server: Radicale
    kit: Calendar

    async def __aenter__(self) -> Self:
        self._open = ExitStack()
        folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="agentkit-staging-"))
        self.server = self._open.enter_context(running(Path(folder)))
        self.kit = Calendar(
            CalendarAccount(
                url=self.server.direct_url,
                username=self.server.username,
                password=SecretStr(self.server.password),
                time_zone="Europe/Berlin",
                timeout=5,
            )
        )
        self.tools = self._tools()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._open.close()

    def _tools(self) -> list[Any]:
        """The tool under test, and what takes it back."""
        raise NotImplementedError

    async def world(self) -> Any:
        return {name: CLOCKS.sub("", text) for name, text in self.server.objects().items()}

    async def edit(self, n: int) -> None:
        (name,) = self._names(n)
        self.server.edit(f"{self.server.calendar_url}{name}", "DTSTART", f"X-THEIRS:{n}\r\nDTSTART")

    def _names(self, n: int) -> list[str]:
        """The objects of the n-th call."""
        mine = re.compile(rf"^(SUMMARY|X-N):(.* )?{n}\r$", re.MULTILINE)
        return [name for name, text in self.server.objects().items() if mine.search(text)]

    def _text(self, n: int) -> str:
        return "".join(self.server.objects()[name] for name in self._names(n))

    def _prepared(self, n: int, more: str = "") -> dict[str, Any]:
        """An event that somebody else has made, for the n-th call to work on; its URL and version."""
        start = START + timedelta(days=n)
        text = (
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\n"
            f"UID:prepared-{n}\r\nDTSTAMP:20261120T000000Z\r\nDTSTART:{start:%Y%m%dT%H%M%SZ}\r\nDURATION:PT1H\r\n"
            f"SUMMARY:Choir\r\nX-N:{n}\r\n{more}END:VEVENT\r\nEND:VCALENDAR\r\n"
        )
        self.server.put(f"prepared-{n}.ics", text)
        login = (self.server.username, self.server.password)
        answer = httpx.get(f"{self.server.direct_url}prepared-{n}.ics", auth=login, trust_env=False)
        return {"url": str(answer.url), "etag": answer.headers["ETag"]}


class CreateEvent(AtRadicale):
    """calendar.create_event."""

    def _tools(self) -> list[Any]:
        return [self.kit.create_event, self.kit.delete_event, self.kit.restore_event]

    async def call(self, n: int) -> Proposal[Any]:
        start = START + timedelta(days=n)
        return self.kit.create_event(f"Choir {n}", start, start + timedelta(hours=1), location="Church")

    async def count(self, n: int) -> int:
        return len(self._names(n))


class UpdateEvent(AtRadicale):
    """calendar.update_event, as it moves an event and changes its texts."""

    def _tools(self) -> list[Any]:
        return [self.kit.update_event, self.kit.restore_event]

    async def call(self, n: int) -> Proposal[Any]:
        start = START + timedelta(days=n, hours=3)
        return self.kit.update_event(**self._prepared(n), summary=f"Orchestra {n}", start=start)

    async def count(self, n: int) -> int:
        return self._text(n).count(f"SUMMARY:Orchestra {n}\r\n")


class MoveOccurrence(UpdateEvent):
    """calendar.update_event, as it moves one occurrence of a repeating event."""

    async def call(self, n: int) -> Proposal[Any]:
        which = START + timedelta(days=n + 7)
        prepared = self._prepared(n, WEEKLY)
        return self.kit.update_event(**prepared, summary=f"Orchestra {n}", occurrence=which)


class DeleteEvent(AtRadicale):
    """calendar.delete_event."""

    def _tools(self) -> list[Any]:
        return [self.kit.delete_event, self.kit.restore_event]

    async def call(self, n: int) -> Proposal[Any]:
        return self.kit.delete_event(**self._prepared(n))

    async def count(self, n: int) -> int:
        return int(not self._names(n))

    async def edit(self, n: int) -> None:
        """Make another event where the deleted one was."""
        self._prepared(n, "LOCATION:Elsewhere\r\n")


class CreateMeeting(AtRadicale):
    """calendar.create_meeting."""

    def _tools(self) -> list[Any]:
        return [
            self.kit.meetings.create_meeting,
            self.kit.meetings.cancel_meeting,
            self.kit.meetings.quote_cancellation,
        ]

    async def call(self, n: int) -> Proposal[Any]:
        start = START + timedelta(days=n)
        bob = ["bob@example.org"]
        return self.kit.meetings.create_meeting(f"Choir {n}", start, start + timedelta(hours=1), attendees=bob)

    async def count(self, n: int) -> int:
        return len(self._names(n))

    async def paid(self, n: int) -> Decimal:
        return Decimal(0)


class DeleteOccurrence(DeleteEvent):
    """calendar.delete_event, as it deletes one occurrence of a repeating event."""

    async def call(self, n: int) -> Proposal[Any]:
        which = START + timedelta(days=n + 7)
        return self.kit.delete_event(**self._prepared(n, WEEKLY), occurrence=which)

    async def count(self, n: int) -> int:
        return self._text(n).count("EXDATE")

    async def edit(self, n: int) -> None:
        await AtRadicale.edit(self, n)


class RestoreEvent(AtRadicale):
    """calendar.restore_event, where an event was deleted."""

    def _tools(self) -> list[Any]:
        return [self.kit.restore_event]

    async def call(self, n: int) -> Proposal[Any]:
        prepared = self._prepared(n)
        text = self._text(n)
        self.server.remove(prepared["url"])
        return self.kit.restore_event(prepared["url"], text)

    async def count(self, n: int) -> int:
        return len(self._names(n))


class UpdateMeeting(CreateMeeting):
    """calendar.update_meeting."""

    def _tools(self) -> list[Any]:
        meetings = self.kit.meetings
        return [meetings.update_meeting, meetings.restore_meeting, meetings.quote_cancellation]

    async def call(self, n: int) -> Proposal[Any]:
        return self.kit.meetings.update_meeting(**self._prepared(n, PEOPLE), summary=f"Orchestra {n}")

    async def count(self, n: int) -> int:
        return self._text(n).count(f"SUMMARY:Orchestra {n}\r\n")


class CancelMeeting(DeleteEvent):
    """calendar.cancel_meeting."""

    def _tools(self) -> list[Any]:
        return [self.kit.meetings.cancel_meeting]

    async def call(self, n: int) -> Proposal[Any]:
        return self.kit.meetings.cancel_meeting(**self._prepared(n, PEOPLE))


class RestoreMeeting(UpdateMeeting):
    """calendar.restore_meeting."""

    def _tools(self) -> list[Any]:
        return [self.kit.meetings.restore_meeting]

    async def call(self, n: int) -> Proposal[Any]:
        prepared = self._prepared(n, PEOPLE)
        text = self._text(n).replace("SUMMARY:Choir\r\n", f"SUMMARY:Orchestra {n}\r\n")
        return self.kit.meetings.restore_meeting(prepared["url"], text, prepared["etag"])


class Reading(AtRadicale):
    """What only reads takes no effect."""

    async def count(self, n: int) -> int:
        return 0


class ListEvents(Reading):
    """calendar.list_events."""

    def _tools(self) -> list[Any]:
        return [self.kit.list_events]

    async def call(self, n: int) -> Proposal[Any]:
        self._prepared(n, WEEKLY)
        day = (START + timedelta(days=n)).date()
        return self.kit.list_events(day, day)


class GetEvent(Reading):
    """calendar.get_event."""

    def _tools(self) -> list[Any]:
        return [self.kit.get_event]

    async def call(self, n: int) -> Proposal[Any]:
        return self.kit.get_event(self._prepared(n)["url"])


class QuoteCancellation(Reading):
    """calendar.quote_cancellation."""

    def _tools(self) -> list[Any]:
        return [self.kit.meetings.quote_cancellation]

    async def call(self, n: int) -> Proposal[Any]:
        return self.kit.meetings.quote_cancellation(self._prepared(n, PEOPLE)["url"])
