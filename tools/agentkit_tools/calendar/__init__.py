"""A calendar over CalDAV: its events are listed, made, and deleted only while they are as we know them."""

try:
    import caldav as caldav
    import icalendar as icalendar
except ImportError as missing:
    raise ImportError("calendars need caldav: pip install 'agentkit-framework[calendar]'") from missing

from agentkit_tools.calendar.account import CalendarAccount
from agentkit_tools.calendar.event import Deleted, Event
from agentkit_tools.calendar.kit import Calendar

__all__ = ["Calendar", "CalendarAccount", "Deleted", "Event"]
