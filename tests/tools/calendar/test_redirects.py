"""A calendar that sends us elsewhere has done nothing, and nothing of ours goes elsewhere."""

from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from agentkit.errors import ToolFailed
from agentkit_tools.calendar import Calendar, CalendarAccount
from agentkit_tools.calendar.direct import without_redirects

TIMES: dict[str, Any] = {"start": "2026-12-01T10:00:00+01:00", "end": "2026-12-01T11:00:00+01:00"}
EVENT = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTAMP:20261120T000000Z\r\n"
    "DTSTART:20261201T090000Z\r\nSUMMARY:Choir\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


class Moved(ThreadingHTTPServer):
    """Answers some methods by a redirect; elsewhere it answers everything with a login page."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status = 302
        self.location = "/login?state=secret"
        self.redirected: tuple[str, ...] = ("GET", "PUT", "DELETE", "OPTIONS", "REPORT")
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    @property
    def moved(self) -> Moved:
        assert isinstance(self.server, Moved)
        return self.server

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.moved.asked.append(f"{self.command} {self.path}")
        moved = self.path.startswith("/cal/") and self.command in self.moved.redirected
        body = EVENT if self.path.startswith("/cal/") else "<html>Log in</html>"
        self.send_response(self.moved.status if moved else 200)
        for name, value in {"Location": self.moved.location}.items() if moved else {"ETag": '"1"'}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_PUT = do_DELETE = do_OPTIONS = do_REPORT = answer

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def moved() -> Iterator[Moved]:
    with Moved() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def kit(moved: Moved) -> Calendar:
    url = f"{moved.url}/cal/"
    return Calendar(CalendarAccount(url=url, username="ann@example.org", password=SecretStr("p"), timeout=5))


def proposals(kit: Calendar, moved: Moved) -> dict[str, Any]:
    url = f"{moved.url}/cal/a.ics"
    return {
        "OPTIONS": kit.meetings.create_meeting("Choir", **TIMES, attendees=["bob@example.org"]),
        "GET": kit.get_event(url),
        "REPORT": kit.list_events(date(2026, 12, 1), date(2026, 12, 1)),
        "PUT": kit.update_event(url, '"1"', summary="Orchestra"),
        "DELETE": kit.delete_event(url, '"1"'),
    }


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("method", ["OPTIONS", "GET", "REPORT", "PUT", "DELETE"])
async def test_a_redirect_is_a_failure_that_says_where_to(moved: Moved, kit, do, method, status):
    moved.redirected, moved.status = (method,), status
    with pytest.raises(ToolFailed, match=f"moved to {moved.url}/login: put that into url=") as error:
        await do(proposals(kit, moved)[method], kit).attempt()
    assert "secret" not in str(error.value)
    assert moved.asked[-1].startswith(f"{method} /cal/")
    assert not any("login" in each for each in moved.asked)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_see_other_may_come_after_the_effect(moved: Moved, kit, do, method):
    moved.redirected, moved.status = (method,), 303
    with pytest.raises(ConnectionError, match="nobody knows"):
        await do(proposals(kit, moved)[method], kit).attempt()


async def test_an_event_is_not_stored_on_a_login_page(moved: Moved, kit, do):
    with pytest.raises(ToolFailed, match="nothing was done"):
        await do(kit.create_event("Choir", **TIMES), kit).attempt()
    assert [each.split(" ")[0] for each in moved.asked] == ["PUT"]


async def test_another_host_gets_nothing_and_its_calendar_is_named(moved: Moved, kit, do):
    with Moved() as other:
        moved.redirected, moved.status, moved.location = ("PUT",), 307, f"http://eve@{other.url[7:]}/new/a.ics"
        with pytest.raises(ToolFailed, match=f"moved to {other.url}/new/: put that"):
            await do(proposals(kit, moved)["PUT"], kit).attempt()
        assert other.asked == []


async def test_a_redirect_to_nowhere_is_no_success(moved: Moved, kit, do):
    moved.location = ""
    with pytest.raises(ToolFailed, match="moved to"):
        await do(kit.create_event("Choir", **TIMES), kit).attempt()
    moved.location = "http://[::1"
    with pytest.raises(ConnectionError, match="nobody knows"):
        await do(kit.create_event("Choir", **TIMES), kit).attempt()
    with pytest.raises(ToolFailed, match="was not reached"):
        await do(proposals(kit, moved)["GET"], kit).attempt()


def test_an_answer_from_elsewhere_proves_nothing():
    """Should the library follow a redirect all the same."""
    earlier, later = (SimpleNamespace(status_code=status, history=[], headers={}) for status in (302, 200))
    later.history = [earlier]
    session = SimpleNamespace(request=lambda *asked, **more: later)
    without_redirects(session)
    with pytest.raises(ConnectionError, match="nobody knows"):
        session.request("PUT", "https://cal.example.org/a.ics")
