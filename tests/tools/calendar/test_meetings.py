"""An event with attendees is outbound mail: it says so, and only its own tools touch it."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from agentkit.effects import Compensable, Effect, Idempotent, Irreversible
from agentkit.errors import ToolFailed
from agentkit.label import Bound
from agentkit_tools.calendar import Calendar, Repeats
from tests.servers.radicale import Radicale

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("radicale")]

TIMES: dict[str, Any] = {"start": "2026-12-01T10:00:00+01:00", "end": "2026-12-01T11:00:00+01:00"}
BOB = ["bob@example.org"]


@pytest.fixture
async def meeting(kit, do):
    return await do(kit.meetings.create_meeting("Choir", **TIMES, attendees=BOB)).attempt()


def test_meetings_are_never_taken_back_exactly(kit):
    tools = kit.meetings
    assert isinstance(tools.create_meeting.undo, Compensable)
    assert isinstance(tools.update_meeting.undo, Compensable)
    assert isinstance(tools.cancel_meeting.undo, Irreversible)
    assert all(isinstance(each.repeat, Idempotent) for each in (tools.create_meeting, tools.cancel_meeting))
    assert tools.create_meeting.argument_markers["attendees"] == Bound


async def test_a_meeting_says_who_comes_and_that_nobody_has_been_told(server: Radicale, kit, do, meeting):
    assert (meeting.organizer, meeting.attendees, meeting.server_mails) == (server.username, BOB, False)
    shown = await do(kit.get_event(meeting.url)).attempt()
    assert shown.model_dump() == meeting.model_dump(exclude={"server_mails"})
    listed = await do(kit.list_events("2026-12-01", "2026-12-01")).attempt()
    assert listed[0].attendees == BOB


@pytest.mark.parametrize("occurrence", [None, "2026-12-01T10:00:00+01:00"])
async def test_the_plain_tools_leave_meetings_alone(server: Radicale, kit, do, meeting, occurrence):
    before = server.objects()
    for proposal in (
        kit.update_event(meeting.url, meeting.etag, summary="Orchestra", occurrence=occurrence),
        kit.delete_event(meeting.url, meeting.etag, occurrence=occurrence),
        kit.restore_event(meeting.url, server.text(meeting.url).replace("Choir", "x"), meeting.etag),
    ):
        with pytest.raises(ToolFailed, match=r"calendar\.update_meeting or calendar\.cancel_meeting"):
            await do(proposal).attempt()
    assert server.objects() == before


async def test_the_meeting_tools_leave_plain_events_alone(kit, do):
    event = await do(kit.create_event("Choir", **TIMES)).attempt()
    with pytest.raises(ToolFailed, match=r"calendar\.update_event or calendar\.delete_event"):
        await do(kit.meetings.cancel_meeting(event.url, event.etag)).attempt()


async def test_a_guest_does_not_change_the_meeting(server: Radicale, account, do, meeting):
    guest = Calendar(account, organizer="bob@example.org")
    for proposal in (
        guest.meetings.update_meeting(meeting.url, meeting.etag, summary="x"),
        guest.meetings.cancel_meeting(meeting.url, meeting.etag),
    ):
        with pytest.raises(ToolFailed, match=f"is {server.username}'s"):
            await do(proposal, guest).attempt()


async def test_a_meeting_that_is_called_off_is_gone_whatever_the_attendees_answered(server: Radicale, kit, do):
    act = do(kit.meetings.create_meeting("Choir", **TIMES, attendees=BOB))
    meeting = await act.attempt()
    server.edit(meeting.url, "PARTSTAT=NEEDS-ACTION", "PARTSTAT=ACCEPTED")
    for undo in (act.undo(meeting), act.undo()):
        await undo.attempt()
        assert server.objects() == {}


async def test_a_meeting_that_its_organizer_changed_is_not_called_off(server: Radicale, kit, do):
    act = do(kit.meetings.create_meeting("Choir", **TIMES, attendees=BOB))
    meeting = await act.attempt()
    server.edit(meeting.url, "SUMMARY:Choir", "SUMMARY:Orchestra")
    with pytest.raises(ToolFailed, match="somebody changed"):
        await act.undo(meeting).attempt()
    assert "Orchestra" in server.text(meeting.url)


async def test_a_changed_meeting_is_corrected_by_a_newer_one(server: Radicale, kit, do, meeting):
    act = do(kit.meetings.update_meeting(meeting.url, meeting.etag, summary="Orchestra"))
    await act.attempt()
    assert "SEQUENCE:1" in server.text(meeting.url)
    undo = act.undo()
    await undo.attempt()
    after = server.objects()
    assert "SUMMARY:Choir" in server.text(meeting.url)
    assert "SEQUENCE:2" in server.text(meeting.url)
    await undo.attempt()
    assert server.objects() == after


async def test_who_stays_invited_keeps_what_he_answered(server: Radicale, kit, do, meeting):
    server.edit(meeting.url, "PARTSTAT=NEEDS-ACTION", "PARTSTAT=ACCEPTED")
    now = await do(kit.get_event(meeting.url)).attempt()
    invited = ["eve@example.org", "Bob@example.org"]
    after = await do(kit.meetings.update_meeting(now.url, now.etag, attendees=invited)).attempt()
    assert sorted(after.attendees) == ["bob@example.org", "eve@example.org"]
    text = server.text(meeting.url).replace("\r\n ", "")
    people = [line for line in text.splitlines() if line.startswith("ATTENDEE")]
    assert [("ACCEPTED" in line, "bob@" in line) for line in sorted(people)] == [(True, True), (False, False)]
    alone = await do(kit.meetings.update_meeting(now.url, after.etag, attendees=["eve@example.org"])).attempt()
    assert alone.attendees == ["eve@example.org"]


async def test_a_correction_of_what_never_happened_does_nothing(server: Radicale, kit, do, meeting):
    before = server.objects()
    act = do(kit.meetings.update_meeting(meeting.url, meeting.etag, summary="Orchestra"))
    with pytest.raises(ToolFailed):
        await act.undo().attempt()
    assert server.objects() == before


async def test_a_quote_says_whom_it_reaches(server: Radicale, kit, do, meeting):
    undo = kit.meetings.create_meeting.undo
    assert isinstance(undo, Compensable)
    assert undo.quote is not None
    arguments = {"url": meeting.url}
    quote = await do(undo.quote(Effect("k", arguments, None))).attempt()
    assert (quote.cost, quote.note) == (0, "the calendar's server mails nobody: bob@example.org have to be told")
    server.remove(meeting.url)
    quote = await do(undo.quote(Effect("k", arguments, None))).attempt()
    assert "not in the calendar any more" in quote.note


async def test_one_occurrence_of_a_meeting_is_called_off(server: Radicale, kit, do):
    weekly = Repeats(frequency="weekly", count=3)
    meeting = await do(kit.meetings.create_meeting("Choir", **TIMES, attendees=BOB, repeats=weekly)).attempt()
    which = "2026-12-08T10:00:00+01:00"
    await do(kit.meetings.cancel_meeting(meeting.url, meeting.etag, occurrence=which)).attempt()
    listed = await do(kit.list_events("2026-12-01", "2026-12-31")).attempt()
    assert [each.start.day for each in listed] == [1, 15]


@pytest.mark.parametrize("address", ["bob", "bob@example.org\r\nX:1", "a@b,c@d", 'b"ob@example.org', "a@b;c"])
async def test_an_address_is_one_address(kit, do, address):
    with pytest.raises(ValidationError, match="not a mail address"):
        await do(kit.meetings.create_meeting("Choir", **TIMES, attendees=[address])).attempt()


async def test_somebody_must_call_a_meeting(account, do):
    nobody = Calendar(account.model_copy(update={"username": "ann", "password": SecretStr("x")}))
    with pytest.raises(ToolFailed, match=r"organizer='me@example\.org'"):
        await do(nobody.meetings.create_meeting("Choir", **TIMES, attendees=BOB), nobody).attempt()


def test_an_organizer_is_an_address(account):
    with pytest.raises(ValueError, match="not a mail address"):
        Calendar(account, organizer="Ann <ann@example.org>")
