"""The hands: tools for mail, bookings and calendars.

Each kit is a subpackage of its own: `from agentkit_tools.email import Email, MailAccount`.
"""
