"""A run with actions in it, as the road would hand them to the journal."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel

from agentkit.action import Action, Outcome
from agentkit.call import Slot, ToolCall
from agentkit.decision import Decision
from agentkit.journal.claims import Intent
from agentkit.journal.journal import Journal
from agentkit.journal.owner import new_owner
from agentkit.journal.records import ActionRecord, QuestionRecord, RunRecord
from agentkit.label import Handle
from agentkit.tool import Tool, ToolContext, tool
from agentkit.toolbox import Toolbox

AGENT = "agent:desk"
ALLOW = Decision("allow", "p/rule", "may", policy="p1")
ASK = Decision("ask", "p/rule", "ask first", approvals=1, policy="p1")
ASK_TWO = Decision("ask", "p/rule", "ask two", approvals=2, policy="p1")
ALLOWED_BY_ONE = Decision("allow", "p/rule", "one said yes", approvals=1, policy="p1")
ALLOWED_BY_TWO = Decision("allow", "p/rule", "two said yes", approvals=2, policy="p1")
LEASE = timedelta(seconds=30)
LANDS = timedelta(seconds=60)
INTENT = Intent(
    "key", LANDS, LEASE, {"repeat": "Blind", "marked": False}, inverse={"tool": "room.cancel", "arguments": {}}
)
ME, OTHER = new_owner(), new_owner()


class Booked(BaseModel):
    uuid: Annotated[str, Handle]
    note: str = ""


def book_in_version(version: str) -> Tool[..., Any]:
    @tool("room.book", version=version)
    async def book(ctx: ToolContext, room: str, price: int = 0) -> Booked: ...

    return book


TOOLBOX = Toolbox([book_in_version("1")])


@dataclass
class Acts:
    """One run of a journal."""

    journal: Journal
    run: str = "r-1"

    async def opened(self, **budget: Any) -> "Acts":
        now = self.journal.clock()
        await self.journal.open_run(RunRecord(self.run, "goal", "g", AGENT, "running", now, now, budget=budget))
        return self

    def call(self, turn: int = 0, room: str = "blue", undoes: str | None = None) -> ToolCall:
        return ToolCall("room.book", {"room": room}, Slot(self.run, turn, 0), undoes)

    def action(self, call: ToolCall | None = None, toolbox: Toolbox = TOOLBOX) -> Action:
        return toolbox.validate(call or self.call())

    async def claim(
        self, call: ToolCall | None = None, decision: Decision = ALLOW, owner: str = ME, action: Action | None = None
    ) -> ActionRecord | None:
        call = call or self.call()
        return await self.journal.claim(call, action or self.action(call), decision, INTENT, owner)

    async def claimed(self, *args: Any, **options: Any) -> ActionRecord:
        record = await self.claim(*args, **options)
        assert record is not None
        return record

    async def ask(
        self, decision: Decision = ASK, expires: timedelta = timedelta(hours=1), action: Action | None = None
    ) -> QuestionRecord:
        shown = {"tool": "room.book"}
        question = await self.journal.ask(self.call(), action or self.action(), decision, shown, expires)
        assert question is not None
        return question

    async def answer(
        self, question: QuestionRecord, verdict: Any = "approve", by: str = "ann", **more: Any
    ) -> QuestionRecord:
        return await self.journal.answer(question.id, verdict, by=by, proof="asserted", **more)

    async def end(self, outcome: Outcome, owner: str = ME, call: ToolCall | None = None, **more: Any) -> Outcome:
        call = call or self.call()
        return await self.journal.end(call, self.action(call), outcome, owner, **more)

    async def record(self, call: ToolCall | None = None) -> ActionRecord:
        return await self.journal.action((call or self.call()).slot.action_id)

    async def kinds(self, call: ToolCall | None = None) -> list[str]:
        action = (call or self.call()).slot.action_id
        return [entry.kind for entry in await self.journal.entries(self.run, action)]
