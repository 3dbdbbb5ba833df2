"""An action: a tool call whose tool exists and whose arguments fit; and how it ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, Literal

from pydantic import BaseModel
from typing_extensions import TypeVar

from agentkit.call import Slot
from agentkit.tool import Tool

R = TypeVar("R", default=Any, covariant=True)

Final = Literal["done", "refused", "failed", "partial", "in_doubt"]
Pending = Literal["waiting", "held", "unsettled", "claimed"]
FINAL: frozenset[str] = frozenset({"done", "refused", "failed", "partial", "in_doubt"})


@dataclass(frozen=True)
class Outcome(Generic[R]):
    """How an action ended, or what it waits for.

    Final: `done`; `refused` (policy or person); `failed` (provably no effect); `partial`; `in_doubt` (until a person
    settles it). Pending: `waiting` (for a person), `held` (until a time), `unsettled` (a late effect may still land),
    `claimed` (another worker has it).
    """

    status: Final | Pending
    reason: str = ""
    result: Any = None
    """What the tool returned, as JSON."""
    until: datetime | None = None
    """When looking again makes sense (UTC)."""
    evidence: Mapping[str, Any] = field(default_factory=dict[str, Any])
    value: R | None = None
    """What the tool returned, in its own type. Filled by `agent.act`; never journaled."""
    action: str = ""
    """The action's id, as `agent.advance`, `agent.undo_plan` and `agent.settle` take it. Filled by `agent.act`."""

    def __post_init__(self) -> None:
        # Reasons quote servers and tools; half a character in one must not keep the outcome from being written.
        object.__setattr__(self, "reason", self.reason.encode("utf-8", "replace").decode())

    @property
    def final(self) -> bool:
        """Whether the action is closed."""
        return self.status in FINAL

    def typed(self, tool: Tool[..., R]) -> "Outcome[R]":
        """The same outcome with the result in the tool's own type."""
        if self.result is None or self.status not in ("done", "partial"):
            return self
        return replace(self, value=tool.loaded(self.result))

    def as_data(self) -> dict[str, Any]:
        """As JSON, for the journal."""
        return {
            "status": self.status,
            "reason": self.reason,
            "result": self.result,
            "until": self.until.isoformat() if self.until else None,
            "evidence": dict(self.evidence),
        }

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> "Outcome[Any]":
        """Read back what `as_data` wrote."""
        until = datetime.fromisoformat(data["until"]) if data.get("until") else None
        return Outcome(data["status"], data["reason"], data["result"], until, data["evidence"])


@dataclass(frozen=True)
class Action:
    """A validated call at its slot. Below this line nobody checks arguments again."""

    slot: Slot
    tool: Tool[..., Any]
    arguments: BaseModel
    data: Mapping[str, Any]
    """The validated arguments as JSON, defaults filled in: what is approved, stored and sent again."""
    digest: str
    """Of `data` and the tool's version: what consent and idempotency are bound to."""
    undoes: str | None = None
    revision: int = 0
    """How many times a person has edited the arguments."""

    @property
    def id(self) -> str:
        """From the slot, so that an edit keeps it."""
        return self.slot.action_id

    def keywords(self) -> dict[str, Any]:
        """The arguments as the tool's function takes them."""
        return {name: getattr(self.arguments, name) for name in type(self.arguments).model_fields}
