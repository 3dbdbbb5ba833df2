"""The calendar on its server, with conditional writes: no event is overwritten or deleted by mistake."""

import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from caldav.collection import Calendar
from caldav.davclient import DAVClient
from caldav.elements.dav import GetEtag
from caldav.lib.error import AuthorizationError, DAVError

from agentkit.errors import ToolFailed
from agentkit_tools.calendar.account import CalendarAccount
from agentkit_tools.calendar.agenda import MARGIN, Found, Window, agenda
from agentkit_tools.calendar.direct import without_redirects
from agentkit_tools.calendar.event import Event
from agentkit_tools.secrecy import is_loopback

ICALENDAR = {"Content-Type": "text/calendar; charset=utf-8"}
PLAIN = {"Accept-Encoding": "identity"}
"""Web servers that compress an answer weaken or change its etag, and no condition can rest on that."""

TIMED_OUT = 408
"""Of the server's own wait, or of one before it, while the request may have gone on."""


@dataclass(frozen=True)
class Stored:
    """What lies at a URL now."""

    text: str
    etag: str | None


@dataclass(frozen=True)
class Written:
    """What the server says of an object we have stored."""

    etag: str | None


class Collection:
    """Opens a connection for each request. Its calls block; their errors say what they prove."""

    def __init__(self, account: CalendarAccount) -> None:
        self._account = account

    def create(self, url: str, content: str) -> Written | None:
        """Store a new object; None when there is one already."""
        return self._put(url, content, {"If-None-Match": "*"})

    def replace(self, url: str, content: str, etag: str) -> Written | None:
        """Store the object in the place of this version; None when another one is there, or none."""
        return self._put(url, content, {"If-Match": etag})

    def delete(self, url: str, etag: str) -> Literal["deleted", "gone", "changed"]:
        """Delete the object if it still is this version."""
        response = self._send("DELETE", url, b"", {"If-Match": etag})
        if response.status in (404, 410):
            return "gone"
        return "deleted" if response.status in (200, 204) else self._not_met(response, "changed")

    def fetch(self, url: str) -> Stored | None:
        """What lies there, if anything does."""
        response = self._send("GET", url, b"", {"Accept": "text/calendar"})
        if response.status in (404, 410):
            return None
        if response.status != 200:
            raise ToolFailed(f"the calendar did not answer with an event but {response.status}")
        return Stored(response.raw, _strong(response.headers.get("ETag")))

    def mails_attendees(self) -> bool:
        """Whether the server itself sends invitations and cancellations (RFC 6638, section 2)."""
        response = self._send("OPTIONS", self._account.url, b"", {})
        return "calendar-auto-schedule" in response.headers.get("DAV", "")

    def between(self, start: datetime, end: datetime) -> list[Event]:
        """Everything that happens in this time, in its order."""
        window = Window(start, end)
        window.check()
        return agenda(self._search(start - MARGIN, end + MARGIN), window, self._account.zone)

    def _search(self, start: datetime, end: datetime) -> list[Found]:
        """The objects as they are stored: the library's own expanding has no bound."""
        asked = {"event": True, "props": [GetEtag()], "post_filter": False}
        try:
            with self._client() as client:
                calendar: Any = Calendar(client=client, url=self._account.url)
                items = calendar.search(start=start, end=end, **asked)
                return [Found(str(item.url), _strong(item.etag), item.data) for item in items]
        except (DAVError, OSError, ValueError) as error:
            raise ToolFailed(f"the calendar could not be read: {error}") from error

    def _put(self, url: str, content: str, condition: dict[str, str]) -> Written | None:
        response = self._send("PUT", url, content.encode(), {**ICALENDAR, **condition})
        if response.status in (200, 201, 204):
            return Written(_strong(response.headers.get("ETag")))
        return self._not_met(response, None)

    def _not_met(self, response: Any, condition: Any) -> Any:
        """Read an answer that is not plain success."""
        if response.status == 412:
            return condition
        if 400 <= response.status < 500 and response.status != TIMED_OUT:
            raise ToolFailed(f"the calendar refuses: {response.status} {response.reason}")
        raise ConnectionError(f"the calendar answered {response.status}; nobody knows what it did")

    def _send(self, method: str, url: str, content: bytes, headers: dict[str, str]) -> Any:
        try:
            with self._client() as client:
                return client.request(url, method, content, {**PLAIN, **headers})
        except AuthorizationError as error:
            raise ToolFailed(f"the calendar lets {self._account.username} not do that") from error
        except OSError as error:
            if method in ("GET", "OPTIONS") or _never_left(error):
                raise ToolFailed(f"the calendar was not reached: {error}") from error
            raise

    @contextmanager
    def _client(self) -> Generator[Any]:
        """Without discovery: the account alone says where the calendar is. No proxy before the loopback."""
        client: Any = DAVClient(url=self._account.url, enable_rfc6764=False, **self._account.client_options())
        client.session.trust_env = not is_loopback(client.url.hostname)
        without_redirects(client.session)
        try:
            yield client
        finally:
            client.close()


def _strong(etag: str | None) -> str | None:
    """An etag that a condition can rest on (RFC 9110 section 13.1.1)."""
    return etag if etag and not etag.startswith("W/") else None


def _never_left(error: BaseException | None) -> bool:
    """Whether a refused connection or an unknown host is at the bottom of it."""
    while error is not None:
        if isinstance(error, ConnectionRefusedError | socket.gaierror):
            return True
        error = error.__cause__ or error.__context__
    return False
