"""A tool call: what somebody proposes, before anything is checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic

from typing_extensions import TypeVar

from agentkit.canonical import digest

R = TypeVar("R", default=Any, covariant=True)


@dataclass(frozen=True)
class Slot:
    """The place of a call in its run. Counted by agentkit, never by a model, and never reset by a replan."""

    run: str
    turn: int
    index: int

    @property
    def action_id(self) -> str:
        """Two identical proposals sit in two slots and so are two actions."""
        return "a-" + digest([self.run, self.turn, self.index])[:16]


@dataclass(frozen=True)
class Proposal(Generic[R]):
    """What calling a tool outside the road returns: a typed intention without any effect."""

    tool: str
    arguments: Mapping[str, Any]

    def at(self, slot: Slot, undoes: str | None = None) -> "ToolCall":
        """Give the proposal its place in a run."""
        return ToolCall(self.tool, self.arguments, slot, undoes)

    def as_data(self) -> dict[str, Any]:
        """Tool name and arguments as JSON, to be stored with an intent."""
        return {"tool": self.tool, "arguments": dict(self.arguments)}

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> "Proposal[Any]":
        """Read back what `as_data` wrote."""
        return Proposal(data["tool"], data["arguments"])


@dataclass(frozen=True)
class ToolCall:
    """A proposal at its slot: a tool name and raw arguments. Nothing is checked yet."""

    tool: str
    arguments: Mapping[str, Any]
    slot: Slot
    undoes: str | None = None
    """The id of the action that this call takes back."""

    @property
    def fingerprint(self) -> str:
        """The same at every replay of the same proposal. What is not even JSON is told apart by its spelling."""
        try:
            return digest([self.tool, dict(self.arguments), self.undoes])
        except (TypeError, ValueError):
            return digest([ascii(self.tool), ascii(sorted(self.arguments.items())), self.undoes])
