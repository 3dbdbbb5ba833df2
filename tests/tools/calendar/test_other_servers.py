"""Servers that differ from Radicale: no etag after a write, weak etags, contents rewritten, attendees mailed."""

import re
from collections.abc import Iterator

import pytest

from agentkit.errors import ToolFailed
from tests.servers.radicale import Radicale

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("radicale")]

TIMES = {"start": "2026-12-01T10:00:00+01:00", "end": "2026-12-01T11:00:00+01:00"}
ETAG = re.compile(rb"\r\netag: ([^\r]*)", re.IGNORECASE)


def without_etag_on_put(method: str, answer: bytes) -> bytes:
    return ETAG.sub(b"", answer) if method == "PUT" else answer


def without_any_etag(method: str, answer: bytes) -> bytes:
    return ETAG.sub(b"", answer)


def with_weak_etags(method: str, answer: bytes) -> bytes:
    return ETAG.sub(rb"\r\nETag: W/\1", answer)


def with_auto_schedule(method: str, answer: bytes) -> bytes:
    return answer.replace(b"calendar-access", b"calendar-access, calendar-auto-schedule")


@pytest.fixture
def wire(server: Radicale) -> Iterator:
    plain = server.wire.rewrites
    yield server.wire
    server.wire.rewrites = plain


async def test_a_server_that_names_no_etag_after_a_write_is_asked_for_it(server, wire, kit, do):
    wire.rewrites = without_etag_on_put
    made = do(kit.create_event("Choir", **TIMES))
    event = await made.attempt()
    before = server.objects()
    update = do(kit.update_event(event.url, event.etag, summary="Orchestra"))
    changed = await update.attempt()
    assert changed.etag == (await do(kit.get_event(event.url)).attempt()).etag
    await update.undo(changed).attempt()
    assert server.objects() == before
    await made.undo(event).attempt()
    assert server.objects() == {}


async def test_what_a_server_stamps_by_itself_is_nobodys_edit(server, wire, kit, do):
    wire.rewrites = without_etag_on_put
    act = do(kit.create_event("Choir", **TIMES))
    event = await act.attempt()
    server.edit(event.url, "PRODID:-//agentkit//EN", "PRODID:-//server//EN")
    server.edit(event.url, "DTSTAMP:20261120T083000Z", "CREATED:20270101T000000Z\r\nDTSTAMP:20270101T000000Z")
    await act.undo(event).attempt()
    assert server.objects() == {}


async def test_an_edit_before_we_learn_the_etag_is_not_taken_for_what_we_wrote(server, wire, kit, do):
    wire.rewrites = without_etag_on_put
    act = do(kit.create_event("Choir", **TIMES))
    url = act.undo().proposal.arguments["url"]
    wire.meanwhile("GET", lambda: server.edit(url, "SUMMARY:Choir", "SUMMARY:Theirs"))
    event = await act.attempt()
    assert event.etag is None
    with pytest.raises(ToolFailed, match="somebody changed"):
        await act.undo(event).attempt()
    assert "Theirs" in server.text(url)


@pytest.mark.parametrize("fault", ["lose request", "lose answer"])
async def test_a_write_that_succeeded_is_done_though_its_etag_could_not_be_asked_for(server, wire, kit, do, fault):
    wire.rewrites = without_etag_on_put
    wire.arm("GET", fault)
    act = do(kit.create_event("Choir", **TIMES))
    event = await act.attempt()
    assert event.etag is None
    assert len(server.objects()) == 1
    await act.undo(event).attempt()
    assert server.objects() == {}


@pytest.mark.parametrize("rewrites", [without_any_etag, with_weak_etags])
async def test_without_versions_nothing_is_changed(server, wire, kit, do, rewrites):
    event = await do(kit.create_event("Choir", **TIMES)).attempt()
    before = server.objects()
    wire.rewrites = rewrites
    assert (await do(kit.get_event(event.url)).attempt()).etag is None
    for proposal in (kit.update_event(event.url, event.etag, summary="x"), kit.delete_event(event.url, event.etag)):
        with pytest.raises(ToolFailed, match="names no version"):
            await do(proposal).attempt()
    assert server.objects() == before


async def test_compressed_answers_are_not_asked_for(server, kit, do):
    """A web server that compresses weakens the etag, as nginx does, or changes it, as Apache does."""
    event = await do(kit.create_event("Choir", **TIMES)).attempt()
    answers = []
    plain = server.wire.rewrites
    server.wire.rewrites = lambda method, answer: answers.append(answer) or answer
    await do(kit.get_event(event.url)).attempt()
    server.wire.rewrites = plain
    assert b"SUMMARY:Choir" in answers[0]


async def test_a_server_that_mails_attendees_is_recognised(wire, kit, do):
    wire.rewrites = with_auto_schedule
    meeting = await do(kit.meetings.create_meeting("Choir", **TIMES, attendees=["bob@example.org"])).attempt()
    assert meeting.server_mails
    quote = await do(kit.meetings.quote_cancellation(meeting.url)).attempt()
    assert quote.note == "the calendar's server mails bob@example.org"


@pytest.mark.parametrize("status", [b"502 Bad Gateway", b"408 Request Timeout"])
async def test_a_failure_of_the_server_proves_nothing(server, wire, kit, do, status):
    wire.rewrites = lambda method, answer: b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"
    with pytest.raises(ConnectionError, match="nobody knows what it did"):
        await do(kit.create_event("Choir", **TIMES)).attempt()
    assert len(server.objects()) == 1


async def test_a_refusal_is_a_failure(server, kit, do):
    """Radicale refuses a second object with the same UID."""
    event = await do(kit.create_event("Choir", **TIMES)).attempt()
    act = do(kit.delete_event(event.url, event.etag))
    text = server.text(event.url)
    result = await act.attempt()
    server.put("elsewhere.ics", text)
    with pytest.raises(ToolFailed, match="refuses: 409"):
        await act.undo(result).attempt()
    assert list(server.objects()) == ["elsewhere.ics"]
