"""Events that an outsider has written into the calendar: no rule hangs a worker, and nothing malformed gets through."""

from datetime import UTC, datetime, timedelta
from time import monotonic
from zoneinfo import ZoneInfo

import pytest

from agentkit.errors import ToolFailed
from agentkit_tools.calendar.agenda import LIMIT, Found, Window, agenda
from agentkit_tools.calendar.edit import Stamp, Wanted, changed, without
from tests.servers.radicale import Radicale

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("radicale")]

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
WEEK = Window(NOON, NOON + timedelta(days=7))
OFTEN = [
    "FREQ=SECONDLY",
    "FREQ=MINUTELY;COUNT=100000000",
    "FREQ=HOURLY",
    "FREQ=DAILY;INTERVAL=0",
    "FREQ=DAILY;BYHOUR=9,10;BYMINUTE=0,15,30",
]


def object_of(*lines: str, start: str = "19700101T120000Z") -> str:
    event = "".join(f"{line}\r\n" for line in (f"DTSTART:{start}", *lines))
    inside = f"BEGIN:VEVENT\r\nUID:eve\r\nDTSTAMP:20260101T000000Z\r\n{event}SUMMARY:Free\r\nEND:VEVENT\r\n"
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n{inside}END:VCALENDAR\r\n"


def listed(text: str, window: Window = WEEK) -> list:
    return agenda([Found("https://cal.example.org/eve.ics", '"1"', text)], window, BERLIN)


@pytest.mark.parametrize("rule", OFTEN)
def test_what_repeats_too_often_is_listed_once_and_has_no_occurrence(rule):
    text, began = object_of(f"RRULE:{rule}"), monotonic()
    assert [(each.summary, each.repeats, each.occurrence) for each in listed(text)] == [("Free", True, None)]
    with pytest.raises(ToolFailed, match="repeats too often"):
        without(text, NOON, BERLIN, Stamp("a-1", NOON))
    with pytest.raises(ToolFailed, match="repeats too often"):
        changed(text, Wanted(summary="x", occurrence=NOON), BERLIN, Stamp("a-1", NOON))
    assert monotonic() - began < 5


def test_a_daily_event_that_lasts_for_a_century_is_listed_once():
    assert len(listed(object_of("DURATION:P36500D", "RRULE:FREQ=DAILY"))) == 1


def test_a_few_times_a_day_is_not_too_often():
    assert len(listed(object_of("RRULE:FREQ=DAILY;BYHOUR=9,17"))) == 14


def test_a_rule_that_never_comes_true_ends():
    began = monotonic()
    assert listed(object_of("RRULE:FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30")) == []
    assert monotonic() - began < 20


def test_a_list_has_an_end():
    days = Window(NOON, NOON + timedelta(days=LIMIT + 1))
    with pytest.raises(ToolFailed, match="narrow the days"):
        listed(object_of("RRULE:FREQ=DAILY"), days)
    assert len(listed(object_of("RRULE:FREQ=DAILY"), Window(NOON, NOON + timedelta(days=LIMIT)))) == LIMIT


async def test_a_century_is_not_listed(kit, do):
    with pytest.raises(ToolFailed, match="narrow the days"):
        await do(kit.list_events("1950-01-01", "2050-01-01")).attempt()


async def test_an_hourly_event_on_a_server_is_listed_once_beside_the_others(server: Radicale, kit, do):
    server.put("eve.ics", object_of("RRULE:FREQ=HOURLY;COUNT=48", start="20261201T100000Z"))
    await do(kit.create_event("Choir", "2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")).attempt()
    found = await do(kit.list_events("2026-12-01", "2026-12-02")).attempt()
    assert [(each.summary, each.rule) for each in found] == [("Choir", ""), ("Free", "FREQ=HOURLY;COUNT=48")]
    assert all(each.etag for each in found)


@pytest.mark.parametrize("lines", [["DTSTART:20261202T120000Z"], ["DURATION:P999999999D"], ["DTEND:tomorrow"]])
async def test_an_event_that_cannot_be_read_is_named(lines):
    with pytest.raises(ToolFailed, match=r"cal\.example\.org/eve\.ics"):
        listed(object_of(*lines, start="20261201T100000Z"))


@pytest.mark.parametrize("lines", [["SEQUENCE:1", "SEQUENCE:2"], ["SEQUENCE:many"]])
@pytest.mark.parametrize("occurrence", [None, NOON])
def test_an_event_that_does_not_say_how_often_it_was_changed_is_not_changed(lines, occurrence):
    text = object_of("RRULE:FREQ=DAILY", *lines)
    with pytest.raises(ToolFailed, match="SEQUENCE"):
        changed(text, Wanted(summary="x", occurrence=occurrence), BERLIN, Stamp("a-1", NOON))
    with pytest.raises(ToolFailed, match="SEQUENCE"):
        without(text, NOON, BERLIN, Stamp("a-1", NOON))


def test_a_guest_whose_line_is_folded_by_a_tab_keeps_what_he_has_answered():
    text = object_of("ATTENDEE;PARTSTAT=ACCEPTED:mai\r\n\tlto:bob@exam\r\n ple.org")
    after = changed(text, Wanted(attendees=["bob@example.org"]), BERLIN, Stamp("a-1", NOON))
    assert "PARTSTAT=ACCEPTED:mai\r\n\tlto:bob@exam\r\n ple.org\r\n" in after
    assert "NEEDS-ACTION" not in after
