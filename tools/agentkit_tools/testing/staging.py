"""A tool at its staging server: what whoever writes a tool gives to the conformance kit."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from agentkit.call import Proposal
from agentkit.tool import Tool


class Staging(ABC):
    """One tool at its staging server, and how an outsider sees what it did there."""

    tools: Sequence[Tool[..., Any]]
    """The tool under test first, then those that its inverse, compensation and quote call."""
    settles: timedelta = timedelta(0)
    """How long after a call the world may still change by itself (queues, indexes) though the tool declares less."""

    async def __aenter__(self) -> Self:
        """Start or reach the server."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave it."""
        return None

    @abstractmethod
    async def call(self, n: int) -> Proposal[Any]:
        """Propose the n-th call: valid, and unlike any other; prepares on the server what it needs."""

    @abstractmethod
    async def count(self, n: int) -> int:
        """How often the n-th call has taken effect and still stands, seen by other means than the tool's own."""

    @abstractmethod
    async def world(self) -> Any:
        """Everything on the server that any call could touch, as JSON, without what changes by itself (clocks)."""

    async def edit(self, n: int) -> None:
        """Change, as somebody else, what the n-th call has written. Needed for `ExactInverse`."""
        raise NotImplementedError

    async def paid(self, n: int) -> Decimal:
        """Say what taking the n-th call back has cost. Needed for a `Compensable` with a quote."""
        raise NotImplementedError
