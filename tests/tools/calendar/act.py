"""An action of the calendar's tests: tried as often as wanted, and taken back as it declares."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from pydantic_core import to_json, to_jsonable_python

from agentkit.call import Proposal
from agentkit.effects import Compensable, Effect, ExactInverse
from agentkit.tool import Tool, ToolContext
from agentkit_tools.calendar import Calendar

STARTED = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
NUMBERS = count(1)


@dataclass
class Act:
    """One action, as the road carries it out: what was there before is kept from the first attempt."""

    kit: Calendar
    proposal: Proposal[Any]
    number: int = field(default_factory=lambda: next(NUMBERS))
    attempts: int = 0
    before: Any = None

    @property
    def key(self) -> str:
        return f"{self.number:064x}"[::-1]

    async def attempt(self) -> Any:
        """Carry it out, perhaps once more."""
        self.attempts += 1
        tool = self._tool(self.proposal.tool)
        fitting = tool.arguments.model_validate_json(to_json(self.proposal.arguments))
        ctx = ToolContext("r", f"a-{self.number}", self.key, STARTED, self.attempts, mark=self._mark)
        return await tool.function(ctx, **{name: getattr(fitting, name) for name in type(fitting).model_fields})

    async def attempt_cut_off(self) -> None:
        """Carry it out over a wire that loses something: nobody knows what happened."""
        with pytest.raises(OSError, match="onnection"):
            await self.attempt()

    def undo(self, result: Any = None) -> "Act":
        """The action that takes this one back; without its result when the answer was lost."""
        declared = self._tool(self.proposal.tool).undo
        effect = Effect(self.key, self.proposal.arguments, result, self.before)
        if isinstance(declared, ExactInverse):
            proposal = declared.inverse(effect)
        else:
            assert isinstance(declared, Compensable)
            proposal = declared.compensate(effect)
        assert proposal is not None
        return Act(self.kit, proposal)

    def _tool(self, name: str) -> Tool[..., Any]:
        return next(tool for tool in self.kit if tool.name == name)

    async def _mark(self, before: Any) -> Any:
        self.before = to_jsonable_python(before) if self.before is None else self.before
        return self.before
