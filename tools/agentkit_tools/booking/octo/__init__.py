"""A booking server that speaks OCTO 1.0."""

from agentkit_tools.booking.octo.provider import Octo

__all__ = ["Octo"]
