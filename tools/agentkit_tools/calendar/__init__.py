"""A calendar over CalDAV: events are made, moved, deleted and put back, and never over somebody else's edit."""

try:
    import caldav as caldav
    import icalendar as icalendar
except ImportError as missing:
    raise ImportError("calendars need caldav: pip install 'agentkit-framework[calendar]'") from missing

from agentkit_tools.calendar.account import CalendarAccount
from agentkit_tools.calendar.event import Deleted, Event, Meeting
from agentkit_tools.calendar.kit import Calendar
from agentkit_tools.calendar.meetings import Meetings
from agentkit_tools.calendar.repeats import Repeats

__all__ = ["Calendar", "CalendarAccount", "Deleted", "Event", "Meeting", "Meetings", "Repeats"]
