"""A pretix ticket shop."""

from agentkit_tools.booking.pretix.provider import Pretix

__all__ = ["Pretix"]
