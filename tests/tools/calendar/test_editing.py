"""What is changed in an event is what was asked for: everything else stays as somebody wrote it."""

import pytest

from agentkit.errors import ToolFailed
from agentkit_tools.calendar import Calendar
from tests.servers.radicale import Radicale

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("radicale")]

ZONE = """\
BEGIN:VTIMEZONE
TZID:Office
BEGIN:STANDARD
DTSTART:16011028T030000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010325T020000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
END:VTIMEZONE
"""
RICH = """\
CATEGORIES:Music,Free time
DESCRIPTION;LANGUAGE=en:Bring the notes\\, please
SUMMARY;LANGUAGE=en:Choir
X-ALT-DESC;FMTTYPE=text/html:<b>Bring the notes</b>
X-SOMETHING;X-PARAM="a:b":kept as it is, with a very long text that has to be folded somewhere in it
BEGIN:VALARM
ACTION:DISPLAY
DESCRIPTION:Choir!
SUMMARY:not the event's
TRIGGER:-PT15M
END:VALARM
"""
SERIES = "DTSTART;TZID=Office:20261005T190000\nDURATION:PT2H\nRRULE:FREQ=WEEKLY;COUNT=8\n"


def calendar_of(*events: str) -> str:
    inside = "".join(f"BEGIN:VEVENT\nUID:choir\nDTSTAMP:20260101T000000Z\n{each}END:VEVENT\n" for each in events)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//EN\nX-WR-CALNAME:Ours\n{ZONE}{inside}END:VCALENDAR\n"
    return text.replace("\n", "\r\n")


async def put(server: Radicale, kit: Calendar, do, *events: str):
    url = server.put("choir.ics", calendar_of(*events))
    return await do(kit.get_event(url)).attempt()


def difference(old: str, new: str) -> tuple[set[str], set[str]]:
    """The lines that went and came, without those that say when and by whom."""
    ours = ("DTSTAMP", "LAST-MODIFIED", "SEQUENCE", "X-AGENTKIT-ACTION")
    unfolded = [text.replace("\r\n ", "").splitlines() for text in (old, new)]
    before, after = ({line for line in lines if not line.startswith(ours)} for lines in unfolded)
    return before - after, after - before


async def days_of(kit, do) -> list:
    listed = await do(kit.list_events("2026-10-01", "2026-12-31")).attempt()
    return [(each.start.strftime("%m-%d %H:%M"), each.summary) for each in listed]


async def test_a_new_title_changes_the_title(server: Radicale, kit, do):
    event = await put(server, kit, do, SERIES + RICH)
    old = server.text(event.url)
    after = await do(kit.update_event(event.url, event.etag, summary="Orchestra; new, and long " * 5)).attempt()
    gone, new = difference(old, server.text(event.url))
    assert gone == {"SUMMARY;LANGUAGE=en:Choir"}
    assert new == {"SUMMARY:" + "Orchestra\\; new\\, and long " * 5}
    assert after.summary == "Orchestra; new, and long " * 5
    assert after.etag == (await do(kit.get_event(event.url)).attempt()).etag


async def test_a_description_in_html_does_not_outlive_the_plain_one(server: Radicale, kit, do):
    event = await put(server, kit, do, SERIES + RICH)
    old = server.text(event.url)
    await do(kit.update_event(event.url, event.etag, description="Bring\r\nnothing", location="")).attempt()
    gone, new = difference(old, server.text(event.url))
    assert {line.partition(";")[0] for line in gone} == {"DESCRIPTION", "X-ALT-DESC"}
    assert new == {"DESCRIPTION:Bring\\nnothing"}


async def test_a_change_raises_the_sequence_and_names_its_action(server: Radicale, kit, do):
    event = await put(server, kit, do, SERIES + "SEQUENCE:4\n" + RICH)
    act = do(kit.update_event(event.url, event.etag, summary="Orchestra"))
    await act.attempt()
    text = server.text(event.url).replace("\r\n ", "")
    assert "SEQUENCE:5\r\n" in text
    assert f":a-{act.number}\r\n" in text
    assert "LAST-MODIFIED:20261120T083000Z" in text


async def test_an_event_moves_with_its_length_in_its_own_zone(server: Radicale, kit, do):
    event = await put(server, kit, do, "DTSTART;TZID=Office:20261005T190000\nDURATION:PT2H\nSUMMARY:Choir\n")
    after = await do(kit.update_event(event.url, event.etag, start="2026-12-05T19:00:00+00:00")).attempt()
    assert (after.end - after.start).total_seconds() == 7200
    _, new = difference(calendar_of(), server.text(event.url))
    assert {"DTSTART;TZID=Office:20261205T200000", "DTEND;TZID=Office:20261205T220000"} <= new
    assert "DURATION:PT2H" not in new


@pytest.mark.parametrize(
    ("times", "line"),
    [
        ("DTSTART:20261005T190000Z", "DTSTART:20261005T180000Z"),
        ("DTSTART:20261005T190000", "DTSTART:20261005T200000"),
    ],
)
async def test_times_keep_their_form(server: Radicale, kit, do, times, line):
    event = await put(server, kit, do, f"{times}\nDURATION:PT2H\nSUMMARY:Choir\n")
    await do(kit.update_event(event.url, event.etag, start="2026-10-05T20:00:00+02:00")).attempt()
    assert line in server.text(event.url)


async def test_whole_days_move_from_midnight_to_midnight(server: Radicale, kit, do):
    event = await put(server, kit, do, "DTSTART;VALUE=DATE:20261024\nSUMMARY:Fair\n")
    with pytest.raises(ToolFailed, match="no midnight"):
        await do(kit.update_event(event.url, event.etag, start="2026-10-25T12:00:00+01:00")).attempt()
    after = await do(kit.update_event(event.url, event.etag, start="2026-10-25T00:00:00+02:00")).attempt()
    assert (after.start.isoformat(), after.end.isoformat()) == (
        "2026-10-25T00:00:00+02:00",
        "2026-10-26T00:00:00+01:00",
    )


async def test_one_occurrence_is_moved_and_the_others_stay(server: Radicale, kit, do):
    event = await put(server, kit, do, SERIES + RICH)
    times = {"start": "2026-10-27T18:00:00+01:00", "occurrence": "2026-10-26T19:00:00+01:00"}
    after = await do(kit.update_event(event.url, event.etag, **times, summary="Concert")).attempt()
    assert after.occurrence.isoformat() == "2026-10-26T19:00:00+01:00"
    assert await days_of(kit, do) == [
        ("10-05 19:00", "Choir"),
        ("10-12 19:00", "Choir"),
        ("10-19 19:00", "Choir"),
        ("10-27 18:00", "Concert"),
        ("11-02 19:00", "Choir"),
        ("11-09 19:00", "Choir"),
        ("11-16 19:00", "Choir"),
        ("11-23 19:00", "Choir"),
    ]
    text = server.text(event.url)
    assert text.count("TRIGGER:-PT15M") == 2
    assert text.count("RRULE") == 1 + 2  # the series, and the two of the zone


async def test_an_occurrence_that_was_moved_is_moved_again(server: Radicale, kit, do):
    event = await put(server, kit, do, SERIES + RICH)
    which = "2026-10-26T19:00:00+01:00"
    once = await do(
        kit.update_event(event.url, event.etag, start="2026-10-27T18:00:00+01:00", occurrence=which)
    ).attempt()
    twice = await do(
        kit.update_event(event.url, once.etag, end="2026-10-27T21:00:00+01:00", occurrence=which)
    ).attempt()
    assert (twice.start.isoformat(), twice.end.isoformat()) == (
        "2026-10-27T18:00:00+01:00",
        "2026-10-27T21:00:00+01:00",
    )
    assert server.text(event.url).count("RECURRENCE-ID") == 1


async def test_one_occurrence_is_deleted_also_when_it_was_moved_before(server: Radicale, kit, do):
    event = await put(server, kit, do, SERIES + RICH)
    which = "2026-10-26T19:00:00+01:00"
    moved = await do(
        kit.update_event(event.url, event.etag, start="2026-10-27T18:00:00+01:00", occurrence=which)
    ).attempt()
    first = await do(kit.delete_event(event.url, moved.etag, occurrence=which)).attempt()
    second = await do(kit.delete_event(event.url, first.etag, occurrence="2026-10-05T19:00:00+02:00")).attempt()
    assert [day for day, _ in await days_of(kit, do)] == [f"{day} 19:00" for day in _MONDAYS if day != "10-26"][1:]
    with pytest.raises(ToolFailed, match="no occurrence at"):
        await do(kit.delete_event(event.url, second.etag, occurrence=which)).attempt()


_MONDAYS = ["10-05", "10-12", "10-19", "10-26", "11-02", "11-09", "11-16", "11-23"]


async def test_whole_day_occurrences_are_found_by_their_midnight(server: Radicale, kit, do):
    event = await put(server, kit, do, "DTSTART;VALUE=DATE:20261019\nRRULE:FREQ=WEEKLY;COUNT=3\nSUMMARY:Tidy\n")
    act = do(kit.delete_event(event.url, event.etag, occurrence="2026-10-26T00:00:00+01:00"))
    await act.attempt()
    assert "EXDATE;VALUE=DATE:20261026" in server.text(event.url)
    assert await days_of(kit, do) == [("10-19 00:00", "Tidy"), ("11-02 00:00", "Tidy")]


async def test_all_occurrences_move_to_another_time_of_the_day(server: Radicale, kit, do):
    event = await put(server, kit, do, SERIES + RICH)
    await do(kit.update_event(event.url, event.etag, start="2026-10-05T20:00:00+02:00")).attempt()
    assert [day for day, _ in await days_of(kit, do)] == [f"{day} 20:00" for day in _MONDAYS]


async def test_what_was_cancelled_or_changed_stays_so_when_all_occurrences_move(server: Radicale, kit, do):
    series = SERIES.replace("COUNT=8", "UNTIL=20261123T180000Z") + "EXDATE:20261019T170000Z\nSUMMARY:Choir\n"
    moved = "RECURRENCE-ID;TZID=Office:20261102T190000\nDTSTART:20261103T100000Z\nDURATION:PT1H\nSUMMARY:Moved\n"
    renamed = "RECURRENCE-ID;TZID=Office:20261109T190000\nDTSTART;TZID=Office:20261109T190000\nSUMMARY:Renamed\n"
    event = await put(server, kit, do, series, moved, renamed)
    await do(kit.update_event(event.url, event.etag, start="2026-10-05T18:00:00+00:00")).attempt()
    assert await days_of(kit, do) == [
        ("10-05 20:00", "Choir"),
        ("10-12 20:00", "Choir"),
        ("10-26 20:00", "Choir"),
        ("11-03 10:00", "Moved"),
        ("11-09 20:00", "Renamed"),
        ("11-16 20:00", "Choir"),
        ("11-23 20:00", "Choir"),
    ]


@pytest.mark.parametrize(
    ("event", "changes", "words"),
    [
        (SERIES, {"start": "2026-10-26T19:00:00+01:00"}, "repeats since 2026-10-05"),
        (SERIES.replace("COUNT=8", "BYHOUR=19"), {"start": "2026-10-05T20:00:00+02:00"}, "hours of its own"),
        (SERIES, {"summary": "x", "occurrence": "2026-10-26T18:00:00+01:00"}, "no occurrence at"),
        ("DTSTART:20261005T190000Z\n", {"summary": "x", "occurrence": "2026-10-05T19:00:00Z"}, "does not repeat"),
        ("DTSTART:20261005T190000Z\n", {"end": "2026-10-05T18:00:00Z"}, "before it starts"),
        ("DTSTART:20261005T190000Z\n", {}, "nothing is to be changed"),
    ],
)
async def test_a_change_that_cannot_be_meant_is_refused(server: Radicale, kit, do, event, changes, words):
    there = await put(server, kit, do, event + "SUMMARY:Choir\n")
    before = server.objects()
    with pytest.raises(ToolFailed, match=words):
        await do(kit.update_event(there.url, there.etag, **changes)).attempt()
    assert server.objects() == before


async def test_an_occurrence_without_its_series_is_deleted_as_a_whole(server: Radicale, kit, do):
    alone = "RECURRENCE-ID;TZID=Office:20261102T190000\nDTSTART;TZID=Office:20261102T190000\nSUMMARY:Moved\n"
    event = await put(server, kit, do, alone)
    with pytest.raises(ToolFailed, match="without naming an occurrence"):
        await do(kit.delete_event(event.url, event.etag, occurrence=event.occurrence)).attempt()
    await do(kit.delete_event(event.url, event.etag)).attempt()
    assert server.objects() == {}


async def test_what_is_not_there_is_not_shown(server: Radicale, kit, do):
    with pytest.raises(ToolFailed, match="no event at"):
        await do(kit.get_event(f"{server.calendar_url}nothing.ics")).attempt()
    with pytest.raises(ToolFailed, match="not an event of this calendar"):
        await do(kit.get_event("https://eve.example.org/x.ics")).attempt()


async def test_an_event_that_repeats_is_shown_with_its_rule(server: Radicale, kit, do):
    event = await put(server, kit, do, SERIES + RICH)
    assert (event.repeats, event.rule, event.occurrence) == (True, "FREQ=WEEKLY;COUNT=8", None)
    assert (event.time_zone, event.start.isoformat()) == ("Office", "2026-10-05T19:00:00+02:00")


@pytest.mark.parametrize(
    "text", ["a\x00b\x1cc\x7f", "\u2028\x85", "a\\nb", 'a\\,b;c:"d"', " lead and end ", "x" * 74 + "é", "😀" * 40, ""]
)
async def test_any_text_is_read_back_and_taken_back(server: Radicale, kit, do, text):
    times = {"start": "2026-12-01T10:00:00Z", "end": "2026-12-01T11:00:00Z"}
    made = do(kit.create_event(text, **times, description=text))
    event = await made.attempt()
    before = server.objects()
    update = do(kit.update_event(event.url, event.etag, summary=f"{text} 2", location=text))
    await update.attempt()
    shown = await do(kit.get_event(event.url)).attempt()
    readable = text.translate(dict.fromkeys((0, 0x1C, 0x7F)))
    assert (shown.summary, shown.description, shown.location) == (f"{readable} 2", readable, readable)
    await update.undo().attempt()
    assert server.objects() == before
    await made.undo().attempt()
    assert server.objects() == {}
