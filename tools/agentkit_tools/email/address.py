"""Mail addresses, as other tools use them, too."""

from agentkit_tools.address import Address

__all__ = ["Address"]
