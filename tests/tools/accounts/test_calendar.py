"""A connected account works in a real calendar that lets nobody in without a token."""

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx
import pytest
from radicale import config
from radicale.app import Application

from agentkit.errors import ToolFailed
from agentkit_tools.accounts import Connected, NotConnected
from agentkit_tools.accounts.connecting import connect
from agentkit_tools.accounts.described import client_named
from agentkit_tools.calendar import Calendar, CalendarAccount
from tests.servers.oauth import Authorization

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("accounts-calendar")]
ALICE = "alice@example.test"
START, END = "2026-11-23T10:00:00+00:00", "2026-11-23T11:00:00+00:00"
"""Of the meetings in these tests."""


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def serving(application: Any) -> Generator[int]:
    with make_server("127.0.0.1", 0, application, handler_class=_Silent) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


class Gate:
    """Stands before Radicale, and lets in who shows a token with the right scope, as its owner."""

    def __init__(self, authorization: Authorization, folder: Path) -> None:
        settings = {
            "auth": {"type": "http_x_remote_user"},
            "rights": {"type": "owner_only"},
            "storage": {"filesystem_folder": str(folder)},
            "web": {"type": "none"},
        }
        configuration = config.load()
        configuration.update(settings, "test", privileged=True)
        self._inside = Application(configuration)
        self._office = authorization.office
        self.seen: list[str] = []
        self.elsewhere = ""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        shown = environ.pop("HTTP_AUTHORIZATION", "")
        self.seen.append(shown.partition(" ")[0])
        if self.elsewhere:
            start_response("307 Temporary Redirect", [("Location", self.elsewhere)])
            return [b""]
        told = self._office.introspect(shown.removeprefix("Bearer "))
        if not told["active"] or "calendar" not in str(told["scope"]).split():
            start_response("401 Unauthorized", [("WWW-Authenticate", 'Bearer error="invalid_token"')])
            return [b""]
        return self._inside({**environ, "HTTP_X_REMOTE_USER": told["username"]}, start_response)


@pytest.fixture
def world(authorization: Authorization, register: Path, tmp_path: Path) -> Iterator[SimpleNamespace]:
    gate = Gate(authorization, tmp_path / "collections")
    with serving(gate) as port:
        url = f"http://127.0.0.1:{port}/{ALICE}/work/"
        more = {"calendar_url": url.replace(ALICE, "{address}")}
        (tmp_path / "accounts.toml").write_text(authorization.settings("work", **more))
        agree = authorization.agree
        connect("work", ALICE, client_named("work"), "file", show=lambda page: agree(page, ALICE), wait=10)
        connected = Connected("work")
        head = {"Authorization": f"Bearer {connected.access_token()}"}
        httpx.request("MKCALENDAR", url, headers=head, trust_env=False).raise_for_status()
        yield SimpleNamespace(gate=gate, url=url, connected=connected, office=authorization.office)


@pytest.fixture
def calendar(world: SimpleNamespace) -> Calendar:
    return Calendar(CalendarAccount.connected("work", timeout=5))


async def test_events_are_made_and_listed_with_a_token(world, calendar, call, context):
    await call(calendar.create_event, context(), summary="Review", start=START, end=END)
    listed = await call(calendar.list_events, context(2), day_from="2026-11-23", day_to="2026-11-23")
    assert [event.summary for event in listed] == ["Review"]
    assert set(world.gate.seen) == {"Bearer"}


async def test_a_token_at_its_end_is_renewed_on_the_way(world, calendar, call, context):
    world.office.end_access_tokens()
    await call(calendar.create_event, context(), summary="Review", start=START, end=END)
    assert world.office.token_requests == ["authorization_code", "refresh_token"]


async def test_a_revoked_grant_does_nothing_and_says_what_to_run(world, calendar, call, context):
    world.office.grants[-1].revoked = True
    with pytest.raises(NotConnected, match="run: agentkit connect work"):
        await call(calendar.create_event, context(), summary="Review", start=START, end=END)
    with pytest.raises(NotConnected, match="run: agentkit connect work"):
        await call(calendar.list_events, context(2), day_from="2026-11-23", day_to="2026-11-23")


async def test_without_the_scope_the_calendar_stays_closed(world, calendar, call, context):
    world.office.grants[-1].scope = "mail"
    with pytest.raises(ToolFailed, match=r"lets alice@example\.test not do that"):
        await call(calendar.create_event, context(), summary="Review", start=START, end=END)


def test_the_account_shows_no_token(world):
    account = CalendarAccount.connected("work", time_zone="Europe/Lisbon")
    assert account.url == world.url
    assert world.connected.access_token() not in f"{account!r} {account}"


async def test_a_redirect_takes_no_token_to_another_server(world, calendar, call, context):
    shown = []

    def nosy(environ, start_response):
        shown.append(environ.get("HTTP_AUTHORIZATION"))
        start_response("401 Unauthorized", [("WWW-Authenticate", "Bearer")])
        return [b""]

    with serving(nosy) as port:
        world.gate.elsewhere = f"http://127.0.0.1:{port}/"
        with pytest.raises(ToolFailed):
            await call(calendar.create_event, context(), summary="Review", start=START, end=END)
    assert world.gate.seen[-1] == "Bearer"
    assert set(shown) <= {None}
