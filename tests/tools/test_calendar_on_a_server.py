"""Events on a real server: written once, deleted only while they are as we wrote them."""

from datetime import UTC, date, datetime

import httpx
import pytest
from pydantic import SecretStr

from agentkit.effects import Effect
from agentkit.errors import ToolFailed
from agentkit_tools.calendar import Calendar, CalendarAccount

pytestmark = pytest.mark.servers

TRIP = {
    "summary": "Sailing, with Ann; \\o/",
    "start": "2026-12-01T10:00:00+01:00",
    "end": "2026-12-01T12:30:00+01:00",
    "description": "Bring:\n- shoes\r\n- a hat\rEND:VEVENT\nBEGIN:VEVENT\n" + "é" * 100,
    "location": "Pier 7",
}


def stored(world, url: str) -> httpx.Response:
    return httpx.get(url, auth=(world.desk.address, world.desk.password), trust_env=False)


def edit(world, url: str, old: str, new: str) -> None:
    """Somebody changes the event by hand."""
    content = stored(world, url).text
    assert old in content
    login = (world.desk.address, world.desk.password)
    httpx.put(url, content=content.replace(old, new), auth=login, trust_env=False).raise_for_status()


def undo_of(calendar, ctx, result=None, arguments=TRIP):
    return calendar.create_event.undo.inverse(Effect(ctx.key, arguments, result)).arguments


@pytest.fixture
async def event(calendar, context, call):
    return await call(calendar.create_event, context(), **TRIP)


@pytest.fixture
def nobody(unused_tcp_port) -> Calendar:
    url = f"http://127.0.0.1:{unused_tcp_port}/c"
    return Calendar(CalendarAccount(url=url, username="u", password=SecretStr("p"), timeout=1))


async def test_an_event_is_stored_as_it_was_meant(world, calendar, context, call, event):
    there = (await call(calendar.list_events, context(), day_from="2026-12-01", day_to="2026-12-01"))[-1]
    assert there.model_dump(exclude={"url"}) == event.model_dump(exclude={"url"})
    assert there.start == datetime(2026, 12, 1, 9, tzinfo=UTC)
    assert there.description == TRIP["description"].replace("\r\n", "\n").replace("\r", "\n")
    await call(calendar.delete_event, context(), **undo_of(calendar, context(), event))


async def test_an_event_is_written_once_however_often_it_is_tried(world, calendar, context, call, event):
    before = stored(world, event.url)
    again = await call(calendar.create_event, context(attempt=2), **TRIP)
    assert again == event
    assert stored(world, event.url).headers["ETag"] == before.headers["ETag"] == event.etag


async def test_an_event_is_taken_back_by_its_etag(world, calendar, context, call, event):
    undo = undo_of(calendar, context(), event)
    assert undo["etag"] == event.etag
    assert (await call(calendar.delete_event, context(1), **undo)).was_there
    assert stored(world, event.url).status_code == 404
    assert not (await call(calendar.delete_event, context(1, attempt=2), **undo)).was_there


async def test_an_event_whose_answer_was_lost_is_taken_back_by_what_was_written(world, calendar, context, call, event):
    undo = undo_of(calendar, context())
    assert undo["etag"] is None
    assert (await call(calendar.delete_event, context(1), **undo)).was_there
    assert not (await call(calendar.delete_event, context(1, attempt=2), **undo)).was_there


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LOCATION:Pier 7", "LOCATION:Pier 8"),
        ("END:VEVENT\r\nEND:VCAL", "ATTENDEE:mailto:eve@example.org\r\nEND:VEVENT\r\nEND:VCAL"),
    ],
)
async def test_an_event_that_somebody_changed_is_left_alone(world, calendar, context, call, event, old, new):
    edit(world, event.url, old, new)
    for undo in (undo_of(calendar, context(), event), undo_of(calendar, context())):
        with pytest.raises(ToolFailed, match="somebody changed"):
            await call(calendar.delete_event, context(1), **undo)
    assert stored(world, event.url).status_code == 200


async def test_what_somebody_changed_before_the_next_attempt_is_not_taken_for_what_we_wrote(
    world, calendar, context, call, event
):
    edit(world, event.url, "Pier 7", "Pier 8")
    again = await call(calendar.create_event, context(attempt=2), **TRIP)
    assert (again.url, again.etag) == (event.url, None)
    with pytest.raises(ToolFailed, match="somebody changed"):
        await call(calendar.delete_event, context(1), **undo_of(calendar, context(), again))


async def test_a_deletion_says_which_version(calendar, context, call, event):
    with pytest.raises(ToolFailed, match="which version"):
        await call(calendar.delete_event, context(1), url=event.url)


async def test_the_password_is_shown_to_no_other_server(calendar, context, call):
    with pytest.raises(ToolFailed, match="not an event of this calendar"):
        await call(calendar.delete_event, context(), url="https://eve.example.org/x.ics", etag='"1"')


async def test_an_event_ends_after_it_starts(calendar, context, call):
    with pytest.raises(ToolFailed, match="before it starts"):
        await call(calendar.create_event, context(), **{**TRIP, "end": TRIP["start"]})


async def test_whole_days_and_repetitions_are_listed(world, calendar_account, context, call):
    put(world, "whole", "DTSTART;VALUE=DATE:20270301")
    put(world, "daily", "DTSTART:20270301T090000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY;COUNT=3")
    kit = Calendar(calendar_account.model_copy(update={"time_zone": "Europe/Lisbon"}))
    found = await call(kit.list_events, context(), day_from=date(2027, 3, 1), day_to=date(2027, 3, 2))
    assert [(each.uid, each.start.isoformat(), each.all_day, each.repeats) for each in found] == [
        ("whole", "2027-03-01T00:00:00+00:00", True, False),
        ("daily", "2027-03-01T09:00:00+00:00", False, True),
        ("daily", "2027-03-02T09:00:00+00:00", False, True),
    ]
    assert all(each.etag for each in found)
    assert (found[0].end - found[0].start).days == 1


async def test_a_listed_event_can_be_deleted(world, calendar, context, call):
    put(world, "listed", "DTSTART:20270401T090000Z")
    listed = (await call(calendar.list_events, context(), day_from="2027-04-01", day_to="2027-04-01"))[0]
    assert (await call(calendar.delete_event, context(), url=listed.url, etag=listed.etag)).was_there


def put(world, uid: str, lines: str) -> None:
    event = f"BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20261120T000000Z\r\n{lines}\r\nSUMMARY:{uid}\r\nEND:VEVENT"
    content = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n{event}\r\nEND:VCALENDAR\r\n"
    login = (world.desk.address, world.desk.password)
    url = f"{world.addresses.calendar_url}{uid}.ics"
    httpx.put(url, content=content, auth=login, trust_env=False).raise_for_status()


@pytest.mark.parametrize("attempt", [1, 2])
async def test_a_server_that_is_not_there_proves_nothing_about_other_attempts(nobody, context, call, attempt):
    with pytest.raises(ToolFailed, match="not reached") as error:
        await call(nobody.create_event, context(attempt=attempt), **TRIP)
    assert not error.value.ever


async def test_a_wrong_password_is_a_failure_that_does_not_show_it(calendar_account, context, call):
    kit = Calendar(calendar_account.model_copy(update={"password": SecretStr("hunter2")}))
    with pytest.raises(ToolFailed) as error:
        await call(kit.create_event, context(), **TRIP)
    assert "hunter2" not in str(error.value)
