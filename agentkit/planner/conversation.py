"""What a model is told and what it says, in our own terms and as JSON in the journal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from agentkit.action import Outcome


@dataclass(frozen=True)
class Usage:
    """What one model call used."""

    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True)
class ProposedCall:
    """A tool call as the model proposed it. Nothing is checked yet."""

    tool: str
    arguments: Mapping[str, Any]
    id: str = ""
    """The model's own id of the call, for its provider's protocol only."""


@dataclass(frozen=True)
class Reply:
    """One turn of a model: text, and calls that it proposes."""

    text: str = ""
    calls: tuple[ProposedCall, ...] = ()
    usage: Usage = field(default_factory=Usage)

    def as_data(self) -> dict[str, Any]:
        """As JSON, for the journal."""
        return {
            "text": self.text,
            "calls": [{"tool": c.tool, "arguments": dict(c.arguments), "id": c.id} for c in self.calls],
            "usage": {"input_tokens": self.usage.input_tokens, "output_tokens": self.usage.output_tokens},
        }

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> "Reply":
        """Read back what `as_data` wrote."""
        calls = tuple(ProposedCall(c["tool"], c["arguments"], c["id"]) for c in data["calls"])
        return Reply(data["text"], calls, Usage(**data["usage"]))


@dataclass(frozen=True)
class Observation:
    """What became of one proposed call."""

    call: ProposedCall
    outcome: Outcome[Any]


@dataclass(frozen=True)
class Exchange:
    """A reply, and what the model is told about it."""

    reply: Reply
    observations: tuple[Observation, ...] = ()
    correction: str = ""
    """What is wrong with a final answer that does not fit the output type."""


@dataclass
class Conversation:
    """Everything a model may know of a run."""

    goal: str
    instructions: str = ""
    exchanges: list[Exchange] = field(default_factory=list[Exchange])

    def results(self, tool: str) -> list[Any]:
        """What the tool returned so far, oldest first: all that a script may build on."""
        return [
            seen.outcome.result
            for exchange in self.exchanges
            for seen in exchange.observations
            if seen.call.tool == tool and seen.outcome.status in ("done", "partial")
        ]


@dataclass(frozen=True)
class Price:
    """What a model costs, in one currency of your choice, for a million tokens."""

    input_per_million: Decimal
    output_per_million: Decimal

    def of(self, usage: Usage) -> Decimal:
        """The cost of one call."""
        million = Decimal(1_000_000)
        return (self.input_per_million * usage.input_tokens + self.output_per_million * usage.output_tokens) / million
