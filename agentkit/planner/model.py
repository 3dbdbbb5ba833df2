"""The port to a model."""

from collections.abc import Sequence
from typing import Any, Protocol

from agentkit.planner.conversation import Conversation, Price, Reply
from agentkit.tool import Tool


class Model(Protocol):
    """Anything that can propose the next turn."""

    name: str
    price: Price | None
    """None when it is not known; a money budget then refuses to start."""

    async def reply(self, conversation: Conversation, tools: Sequence[Tool[..., Any]]) -> Reply:
        """Propose calls, or give the final answer as text without calls.

        Raises:
            ModelUnavailable: it cannot answer now; the run stops and can be resumed.
        """
        ...
