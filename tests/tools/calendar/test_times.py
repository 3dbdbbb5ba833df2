"""Events stay where people expect them: on the clock of their zone, on whole days, week after week."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from agentkit.errors import ToolFailed
from agentkit_tools.calendar import Calendar, Repeats
from agentkit_tools.calendar.draft import Draft
from agentkit_tools.calendar.edit import Stamp, Wanted, changed
from agentkit_tools.calendar.event import show
from agentkit_tools.calendar.stored import event_at
from tests.servers.radicale import Radicale

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("radicale")]

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "UTC"]


async def listed(kit: Calendar, do, first: str, last: str) -> list:
    days = kit.list_events(date.fromisoformat(first), date.fromisoformat(last))
    return await do(days).attempt()


async def test_a_weekly_event_stays_on_its_clock_when_summer_ends(kit, do):
    weekly = Repeats(frequency="weekly", count=3)
    await do(
        kit.create_event("Choir", "2026-10-19T10:00:00+02:00", "2026-10-19T11:00:00+02:00", repeats=weekly)
    ).attempt()
    found = await listed(kit, do, "2026-10-01", "2026-12-31")
    assert [each.start.isoformat() for each in found] == [
        "2026-10-19T10:00:00+02:00",
        "2026-10-26T10:00:00+01:00",
        "2026-11-02T10:00:00+01:00",
    ]
    assert {each.time_zone for each in found} == {"Europe/Berlin"}
    assert [each.occurrence for each in found] == [each.start for each in found]


async def test_an_event_may_keep_another_zones_clock(kit, do):
    weekly = Repeats(frequency="weekly", count=2)
    await do(
        kit.create_event(
            "Call",
            "2026-10-26T14:00:00+00:00",  # 10:00 in New York, where summer ends a week later than in Berlin
            "2026-10-26T15:00:00+00:00",
            time_zone="America/New_York",
            repeats=weekly,
        )
    ).attempt()
    found = await listed(kit, do, "2026-10-01", "2026-12-31")
    assert [each.start.astimezone(UTC).hour for each in found] == [14, 15]


async def test_other_programs_are_told_what_the_zone_is(server: Radicale, kit, do):
    event = await do(kit.create_event("Choir", "2026-10-19T10:00:00+02:00", "2026-10-19T11:00:00+02:00")).attempt()
    text = server.text(event.url)
    assert "DTSTART;TZID=Europe/Berlin:20261019T100000" in text
    assert "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin" in text


async def test_whole_days_are_dates(server: Radicale, kit, do):
    event = await do(
        kit.create_event("Fair", "2026-10-24T00:00:00+02:00", "2026-10-26T00:00:00+01:00", all_day=True)
    ).attempt()
    assert "DTSTART;VALUE=DATE:20261024\r\nDTEND;VALUE=DATE:20261026" in server.text(event.url)
    found = await listed(kit, do, "2026-10-25", "2026-10-25")
    assert [(each.all_day, each.start, each.end) for each in found] == [(True, event.start, event.end)]
    assert found[0].time_zone is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"end": "2026-12-01T23:59:00+01:00", "all_day": True}, "no midnight"),
        ({"time_zone": "Asia/Tokyo", "all_day": True}, "leave time_zone out"),
        ({"end": "2026-11-30T00:00:00+01:00"}, "before it starts"),
        ({"repeats": Repeats(frequency="weekly", weekdays=("friday",))}, "is a tuesday"),
        ({"repeats": Repeats(frequency="daily", until=date(2026, 11, 30))}, "before the first day"),
    ],
)
async def test_times_that_cannot_be_meant_are_refused(server: Radicale, kit, do, changes, words):
    wanted = {"start": "2026-12-01T00:00:00+01:00", "end": "2026-12-02T00:00:00+01:00", **changes}
    with pytest.raises(ToolFailed, match=words):
        await do(kit.create_event("Fair", **wanted)).attempt()
    assert server.objects() == {}


async def test_the_second_pass_of_a_repeated_hour_is_not_taken_for_the_first(server: Radicale, kit, do):
    start, end = "2026-10-25T02:30:00+01:00", "2026-10-25T04:00:00+01:00"
    with pytest.raises(ToolFailed, match="twice"):
        await do(kit.create_event("Night train", start, end)).attempt()
    event = await do(kit.create_event("Night train", start, end, time_zone="UTC")).attempt()
    assert "DTSTART:20261025T013000Z" in server.text(event.url)


async def test_nothing_is_moved_into_the_second_pass_of_a_repeated_hour(kit, do):
    event = await do(kit.create_event("Train", "2026-10-25T00:30:00Z", "2026-10-25T03:00:00Z")).attempt()
    with pytest.raises(ToolFailed, match="twice"):
        await do(kit.update_event(event.url, event.etag, end="2026-10-25T01:30:00Z")).attempt()


async def test_an_unknown_zone_is_named(kit, do):
    with pytest.raises(ValidationError, match="no time zone 'Mars/Olympus'"):
        await do(
            kit.create_event("x", "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z", time_zone="Mars/Olympus")
        ).attempt()


@pytest.mark.parametrize("year", ["0001", "1899", "2201", "9999"])
async def test_a_year_that_nobody_means_is_refused(server: Radicale, kit, do, year):
    far, near = f"{year}-12-01T10:00:00+14:00", "2026-12-01T10:00:00Z"
    people = ["bob@example.org"]
    for proposal in (
        lambda: kit.create_event("x", far, far),
        lambda: kit.create_event("x", near, far),
        lambda: kit.create_event("x", near, near, repeats=Repeats(frequency="daily", until=date(int(year), 12, 31))),
        lambda: kit.update_event("u", "e", start=far),
        lambda: kit.update_event("u", "e", occurrence=far),
        lambda: kit.meetings.create_meeting("x", far, far, attendees=people),
        lambda: kit.meetings.update_meeting("u", "e", end=far),
        lambda: kit.list_events(f"{year}-12-31", f"{year}-12-31"),
    ):
        with pytest.raises(ValidationError, match="years go from 1900 to 2200"):
            await do(proposal()).attempt()
    assert server.objects() == {}


@pytest.mark.parametrize("minutes", [-1, 525_601, 10**15])
async def test_a_reminder_comes_at_most_a_year_before(kit, do, minutes):
    with pytest.raises(ValidationError, match="reminder_minutes"):
        await do(
            kit.create_event("x", "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z", reminder_minutes=minutes)
        ).attempt()


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Amsterdam", "UTC"])
@pytest.mark.parametrize("edge", ["1900-01-01T00:00:00+14:00", "2200-12-31T23:00:00-12:00"])
async def test_whatever_is_admitted_is_taken_back(server: Radicale, kit, do, zone, edge):
    start = datetime.fromisoformat(edge)
    times = {"start": start, "end": start + timedelta(minutes=59), "time_zone": zone}
    act = do(kit.create_event("x", **times, reminder_minutes=525_600))
    await act.undo(await act.attempt()).attempt()
    assert server.objects() == {}


async def test_what_repeats_until_the_last_day_is_taken_back(server: Radicale, kit, do):
    times = {"start": "2026-12-01T10:00:00Z", "end": "2026-12-01T11:00:00Z", "time_zone": "Pacific/Pago_Pago"}
    act = do(kit.create_event("x", **times, repeats=Repeats(frequency="yearly", until=date(2200, 12, 31))))
    await act.undo(await act.attempt()).attempt()
    assert server.objects() == {}


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ({"frequency": "daily", "interval": 2, "count": 3}, ["02-01", "02-03", "02-05"]),
        ({"frequency": "weekly", "weekdays": ["monday", "thursday"], "until": "2027-02-11"}, ["01", "04", "08", "11"]),
        ({"frequency": "monthly", "count": 2}, ["02-01", "03-01"]),
        ({"frequency": "daily", "until": "2027-02-02"}, ["02-01", "02-02"]),
    ],
)
async def test_an_event_comes_back_as_its_rule_says(kit, do, rule, days):
    start, end = "2027-02-01T23:30:00+01:00", "2027-02-01T23:45:00+01:00"
    event = await do(kit.create_event("Choir", start, end, repeats=Repeats.model_validate_json(_json(rule)))).attempt()
    found = await listed(kit, do, "2027-01-01", "2027-06-01")
    assert [each.start.date().isoformat()[-len(day) :] for each, day in zip(found, days, strict=True)] == days
    assert event.repeats
    assert event.rule.startswith(f"FREQ={rule['frequency'].upper()}")


async def test_whole_days_repeat_until_the_last_day(kit, do):
    until = Repeats(frequency="weekly", until=date(2027, 3, 15))
    await do(
        kit.create_event("Tidy", "2027-03-01T00:00+01:00", "2027-03-02T00:00+01:00", all_day=True, repeats=until)
    ).attempt()
    found = await listed(kit, do, "2027-01-01", "2027-06-01")
    assert [each.start.day for each in found] == [1, 8, 15]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"frequency": "daily", "count": 2, "until": "2027-01-01"}, "not both"),
        ({"frequency": "daily", "weekdays": ["monday"]}, "for what is weekly"),
        ({"frequency": "weekly", "weekdays": ["monday", "monday"]}, "named twice"),
        ({"frequency": "weekly", "count": "3"}, "valid integer"),
        ({"frequency": "hourly"}, "'daily', 'weekly'"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(rule, words):
    with pytest.raises(ValidationError, match=words):
        Repeats.model_validate_json(_json(rule))


@given(
    moment=st.datetimes(datetime(2026, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
    lasts=st.timedeltas(timedelta(minutes=1), timedelta(days=3)),
    zone=st.sampled_from(ZONES),
)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
def test_a_moment_is_read_back_as_it_was_written_or_refused(moment, lasts, zone):
    start, end = moment.replace(microsecond=0), (moment + lasts).replace(microsecond=0)
    draft = Draft("u", "Choir", start, end, ZoneInfo(zone))
    try:
        draft.check()
    except ToolFailed:
        offsets = {
            each.astimezone(ZoneInfo(zone)).replace(fold=fold).utcoffset() for each in (start, end) for fold in (0, 1)
        }
        assert len(offsets) > 1
        return
    event = event_at(draft.content(start), None, BERLIN)
    shown = show(event, "", None, BERLIN)
    assert (shown.start, shown.end) == (start, end)


@given(
    day=st.dates(date(2026, 1, 1), date(2030, 1, 1)),
    hour=st.integers(4, 22),
    weeks=st.integers(0, 40),
    by=st.integers(-3, 3).filter(bool),
    zone=st.sampled_from(ZONES),
)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=40)
def test_a_moved_occurrence_is_where_it_was_moved_to_and_the_others_stay(day, hour, weeks, by, zone):
    clock = ZoneInfo(zone)
    start = datetime.combine(day, time(hour), clock)
    draft = Draft("u", "Choir", start, start + timedelta(hours=1), clock, repeats=Repeats(frequency="weekly"))
    sought = datetime.combine(day + timedelta(weeks=weeks), time(hour), clock)
    target = sought + timedelta(hours=by)
    assume(target.astimezone(UTC).astimezone(clock) == target and target.date() == sought.date())
    wanted = Wanted(start=target, occurrence=sought.astimezone(UTC))
    text = changed(draft.content(start), wanted, BERLIN, Stamp("a-1", start))
    moved = show(event_at(text, sought, BERLIN), "", None, BERLIN)
    assert (moved.start, moved.end, moved.occurrence) == (target, target + timedelta(hours=1), sought)
    assert event_at(text, None, BERLIN).to_ical() == _stamped(draft, start)


def _stamped(draft: Draft, at: datetime) -> bytes:
    calendar = icalendar.Calendar.from_ical(draft.content(at))
    return calendar.walk("VEVENT")[0].to_ical()


def _json(rule: dict) -> str:
    return str(rule).replace("'", '"')
