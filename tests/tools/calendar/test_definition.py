"""What we say of a time zone is what its clocks do, as a program sees it that does not know the zone's name."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from dateutil import tz

from agentkit_tools.calendar.definition import definition_of

ZONES = [
    "Europe/Berlin",
    "Europe/Dublin",  # summer is its standard time
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Africa/Casablanca",  # its clocks turn twice a year, by the moon
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # its clocks turn by half an hour
]


@pytest.mark.parametrize("name", ZONES)
def test_a_definition_does_what_the_zone_does(name):
    zone = ZoneInfo(name)
    since = datetime(2026, 6, 1, tzinfo=UTC)
    text = definition_of(zone, since).to_ical().decode()
    told = tz.tzical(StringIO(f"BEGIN:VCALENDAR\r\n{text}END:VCALENDAR\r\n")).get()
    hours = (since + timedelta(hours=number) for number in range(0, 9 * 8766, 5))
    clocks = (hour.astimezone(zone).replace(tzinfo=None, fold=0) for hour in hours)
    wrong = [
        clock for clock in clocks if clock.replace(tzinfo=told).utcoffset() != clock.replace(tzinfo=zone).utcoffset()
    ]
    assert wrong == []


def test_clocks_turn_at_the_time_they_showed_before():
    text = definition_of(ZoneInfo("Europe/Berlin"), datetime(2026, 6, 1, tzinfo=UTC)).to_ical().decode()
    assert "DTSTART:20250330T020000\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3" in text
    assert "DTSTART:20251026T030000\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10" in text
