"""What an error proves: that nothing happened at all, or only that this attempt did nothing."""

from agentkit.errors import ToolFailed
from agentkit.tool import ToolContext


class StillInDoubt(Exception):
    """This attempt did nothing, but one before it may have had its effect."""


def nothing_happened(ctx: ToolContext, reason: str) -> Exception:
    """`ToolFailed` at the first attempt; a later attempt cannot speak for those before it."""
    return ToolFailed(reason) if ctx.attempt == 1 else StillInDoubt(reason)
