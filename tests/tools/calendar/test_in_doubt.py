"""Whatever happens to a request or its answer, a calendar holds what was asked for once, and undo restores it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agentkit.errors import ToolFailed
from agentkit_tools.calendar import Calendar, Repeats
from tests.servers.radicale import Radicale

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("radicale")]

TIMES: dict[str, Any] = {"start": "2026-12-01T10:00:00+01:00", "end": "2026-12-01T11:00:00+01:00"}
WEEKLY = Repeats(frequency="weekly", count=4)


async def an_event(kit: Calendar, do: Any, **more: Any) -> dict[str, Any]:
    event = await do(kit.create_event("Choir", location="Church", **{**TIMES, **more})).attempt()
    return {"url": event.url, "etag": event.etag}


async def a_meeting(kit: Calendar, do: Any) -> dict[str, Any]:
    event = await do(kit.meetings.create_meeting("Choir", **TIMES, attendees=["bob@example.org"])).attempt()
    return {"url": event.url, "etag": event.etag}


async def create(kit, do):
    return kit.create_event("Choir", **TIMES, location="Church", repeats=WEEKLY, reminder_minutes=10)


async def update(kit, do):
    return kit.update_event(**await an_event(kit, do), summary="Orchestra", location="")


async def move(kit, do):
    times = {"start": "2026-12-02T15:00:00+01:00", "end": "2026-12-02T15:30:00+01:00"}
    return kit.update_event(**await an_event(kit, do), **times)


async def move_occurrence(kit, do):
    times = {"start": "2026-12-09T15:00:00+01:00", "occurrence": "2026-12-08T10:00:00+01:00"}
    return kit.update_event(**await an_event(kit, do, repeats=WEEKLY), **times)


async def delete(kit, do):
    return kit.delete_event(**await an_event(kit, do, repeats=WEEKLY))


async def delete_occurrence(kit, do):
    return kit.delete_event(**await an_event(kit, do, repeats=WEEKLY), occurrence="2026-12-08T10:00:00+01:00")


async def restore_changed(kit, do):
    act = do(await update(kit, do))
    return act.undo(await act.attempt()).proposal


async def restore_deleted(kit, do):
    act = do(await delete(kit, do))
    return act.undo(await act.attempt()).proposal


async def create_meeting(kit, do):
    return kit.meetings.create_meeting("Choir", **TIMES, attendees=["bob@example.org"])


async def update_meeting(kit, do):
    return kit.meetings.update_meeting(**await a_meeting(kit, do), summary="Orchestra")


async def cancel_meeting(kit, do):
    return kit.meetings.cancel_meeting(**await a_meeting(kit, do))


PLAIN = [create, update, move, move_occurrence, delete, delete_occurrence]
RESTORING = [restore_changed, restore_deleted]
MEETINGS = [create_meeting, update_meeting, cancel_meeting]
PUT = [each for each in (*PLAIN, *RESTORING, *MEETINGS) if each not in (delete, cancel_meeting)]
WRITE = [(each, "PUT") for each in PUT] + [(delete, "DELETE"), (cancel_meeting, "DELETE")]
Case = Callable[..., Awaitable[Any]]


@pytest.mark.parametrize(("case", "method"), WRITE)
async def test_an_effect_is_there_once_though_its_answer_was_lost(server: Radicale, kit, do, case: Case, method):
    act = do(await case(kit, do))
    server.wire.arm(method, "lose answer")
    await act.attempt_cut_off()
    after = server.objects()
    await act.attempt()
    assert server.objects() == after
    assert len(after) == (method == "PUT")


@pytest.mark.parametrize(("case", "method"), WRITE)
async def test_a_request_that_was_lost_is_made_up_for(server: Radicale, kit, do, case: Case, method):
    act = do(await case(kit, do))
    before = server.objects()
    server.wire.arm(method, "lose request")
    await act.attempt_cut_off()
    assert server.objects() == before
    await act.attempt()
    assert server.objects() != before


@pytest.mark.parametrize(("case", "method"), WRITE)
async def test_a_request_that_comes_late_changes_nothing_more(server: Radicale, kit, do, case: Case, method):
    act = do(await case(kit, do))
    server.wire.arm(method, "delay")
    await act.attempt_cut_off()
    await act.attempt()
    after = server.objects()
    assert all(status in (404, 412) for status in server.wire.deliver())
    assert server.objects() == after


@pytest.mark.parametrize(("case", "method"), WRITE)
async def test_a_request_that_comes_between_our_look_and_our_write_is_ours(
    server: Radicale, kit, do, case: Case, method
):
    act = do(await case(kit, do))
    server.wire.arm(method, "delay")
    await act.attempt_cut_off()
    server.wire.meanwhile(method, server.wire.deliver)
    await act.attempt()
    assert len(server.objects()) == (method == "PUT")


@pytest.mark.parametrize("case", PLAIN)
@pytest.mark.parametrize("lost", [False, True])
async def test_undo_restores_every_byte(server: Radicale, kit, do, case: Case, lost):
    act = do(await case(kit, do))
    before = server.objects()
    result = await act.attempt()
    undo = act.undo(None if lost else result)
    assert server.objects() != before
    await undo.attempt()
    assert server.objects() == before
    await undo.attempt()
    assert server.objects() == before


@pytest.mark.parametrize("case", PLAIN)
@pytest.mark.parametrize("lost", [False, True])
async def test_undo_leaves_what_somebody_changed_since(server: Radicale, kit, do, case: Case, lost):
    act = do(await case(kit, do))
    result = await act.attempt()
    undo = act.undo(None if lost else result)
    if case is delete:
        server.put(result.url.rpartition("/")[2], THEIRS)
    else:
        server.edit(result.url, "DTSTART", "X-THEIRS:1\r\nDTSTART")
    theirs = server.objects()
    with pytest.raises(ToolFailed, match="somebody"):
        await undo.attempt()
    assert server.objects() == theirs


@pytest.mark.parametrize("case", [update, move, move_occurrence, delete_occurrence])
async def test_undo_does_not_revive_what_somebody_deleted(server: Radicale, kit, do, case: Case):
    act = do(await case(kit, do))
    result = await act.attempt()
    server.remove(result.url)
    with pytest.raises(ToolFailed, match="somebody deleted"):
        await act.undo(result).attempt()
    assert server.objects() == {}


@pytest.mark.parametrize("case", [update, move, move_occurrence, delete, delete_occurrence])
async def test_nothing_is_written_over_somebodys_edit(server: Radicale, kit, do, case: Case):
    act = do(await case(kit, do))
    server.edit(act.proposal.arguments["url"], "DTSTART", "X-THEIRS:1\r\nDTSTART")
    theirs = server.objects()
    with pytest.raises(ToolFailed, match="somebody changed"):
        await act.attempt()
    assert server.objects() == theirs


@pytest.mark.parametrize("case", [update, move, move_occurrence, delete, delete_occurrence, update_meeting])
async def test_an_edit_between_our_look_and_our_write_wins(server: Radicale, kit, do, case: Case):
    act = do(await case(kit, do))
    url = act.proposal.arguments["url"]
    method = "DELETE" if case is delete else "PUT"
    server.wire.meanwhile(method, lambda: server.edit(url, "DTSTART", "X-THEIRS:1\r\nDTSTART"))
    with pytest.raises(ToolFailed, match="somebody changed"):
        await act.attempt()
    assert "X-THEIRS:1" in server.text(url)


@pytest.mark.parametrize("case", [update, move_occurrence, delete_occurrence, update_meeting])
async def test_an_edit_after_a_lost_answer_is_not_taken_for_ours(server: Radicale, kit, do, case: Case):
    act = do(await case(kit, do))
    server.wire.arm("PUT", "lose answer")
    await act.attempt_cut_off()
    server.edit(act.proposal.arguments["url"], "DTSTART", "X-THEIRS:1\r\nDTSTART")
    theirs = server.objects()
    with pytest.raises(ToolFailed, match="somebody changed"):
        await act.attempt()
    assert server.objects() == theirs


async def test_changes_are_taken_back_one_after_the_other(server: Radicale, kit, do):
    made = do(kit.create_event("Choir", **TIMES))
    event = await made.attempt()
    first = do(kit.update_event(event.url, event.etag, summary="Orchestra"))
    once = await first.attempt()
    second = do(kit.update_event(event.url, once.etag, location="Hall"))
    twice = await second.attempt()
    for act, result in ((second, twice), (first, once), (made, event)):
        await act.undo(result).attempt()
    assert server.objects() == {}


async def test_what_somebody_else_deleted_first_is_not_ours_to_restore(server: Radicale, kit, do):
    act = do(await delete(kit, do))
    server.remove(act.proposal.arguments["url"])
    result = await act.attempt()
    assert not result.was_there
    with pytest.raises(AssertionError):
        act.undo(result)


async def test_what_somebody_else_deletes_while_we_do_is_not_ours_to_restore(server: Radicale, kit, do):
    act = do(await delete(kit, do))
    server.wire.meanwhile("DELETE", lambda: server.remove(act.proposal.arguments["url"]))
    result = await act.attempt()
    assert (result.was_there, act.before is not None) == (False, True)
    with pytest.raises(AssertionError):
        act.undo(result)


async def test_a_deletion_whose_answer_was_lost_knows_that_the_event_was_there(server: Radicale, kit, do):
    act = do(await delete(kit, do))
    before = server.objects()
    server.wire.arm("DELETE", "lose answer")
    await act.attempt_cut_off()
    result = await act.attempt()
    assert result.was_there
    await act.undo(result).attempt()
    assert server.objects() != {}
    assert server.objects() == before


THEIRS = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\nUID:theirs\r\nDTSTAMP:20261120T000000Z\r\n"
    "DTSTART:20261201T090000Z\r\nSUMMARY:Theirs\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
