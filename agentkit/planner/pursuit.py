"""Pursuing one goal: the steps of the planner, each safe to repeat because the journal remembers."""

import time
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from agentkit.action import FINAL, Outcome
from agentkit.call import Slot, ToolCall
from agentkit.errors import BudgetExhausted, InvalidOutput, ModelUnavailable
from agentkit.execution.context import RunContext
from agentkit.execution.events import Replied
from agentkit.execution.forward import Standing, standing_on
from agentkit.execution.perform import perform
from agentkit.planner.budget import spent_on
from agentkit.planner.conversation import Conversation, Exchange, Observation, ProposedCall, Reply
from agentkit.planner.model import Model
from agentkit.planner.output import REPAIRS, parsed, wanted
from agentkit.planner.state import PlannerState
from agentkit.telemetry import names

EMPTY = "Your reply is empty: call a tool, or give your final answer."
"""What a model is told that said nothing at all."""


class Pursuit:
    """One attempt to bring a run forward. The conversation is rebuilt from the journal, never from a checkpoint."""

    def __init__(
        self, goal: str, instructions: str, model: Model, run: RunContext, output: TypeAdapter[Any] | None
    ) -> None:
        told = [instructions, wanted(output) if output else ""]
        self._conversation = Conversation(goal, "\n\n".join(part for part in told if part))
        self._model = model
        self._run = run
        self._output = output
        self._began = time.monotonic()
        self.blocking: list[Outcome[Any]] = []
        """What kept the run from going on, this time."""

    @property
    def run(self) -> str:
        """The run that is pursued."""
        return self._run.run

    async def plan(self, state: PlannerState) -> PlannerState:
        """Ask the model for its next turn, unless the journal already has it."""
        turn = state["turn"]
        await self._recall(turn)
        try:
            reply = await self._reply(turn)
        except (BudgetExhausted, ModelUnavailable) as stop:
            return {**state, "phase": "stopped", "reason": str(stop)}
        tools = tuple(call.tool for call in reply.calls)
        self._run.emit(Replied(self._run.run, turn, reply.text, tools))
        if reply.calls:
            return {**state, "phase": "act", "todo": list(range(len(reply.calls))), "blocked": []}
        return self._answered(reply, state)

    async def act(self, state: PlannerState) -> PlannerState:
        """Perform one of the turn's calls. What blocks does not keep its siblings from being proposed."""
        index, *rest = state["todo"]
        reply = await self._reply(state["turn"])
        call = reply.calls[index]
        slot = Slot(self._run.run, state["turn"], index)
        try:
            outcome = await perform(ToolCall(call.tool, call.arguments, slot), self._run)
        except BudgetExhausted as limit:
            return {**state, "phase": "stopped", "reason": str(limit)}
        blocked = state["blocked"]
        if not _lets_go_on(outcome):
            self.blocking.append(outcome)
            blocked = [*blocked, index]
        phase = "act" if rest else "paused" if blocked else "observe"
        return {**state, "phase": phase, "todo": rest, "blocked": blocked, "reason": ""}

    async def observe(self, state: PlannerState) -> PlannerState:
        """The turn is over: its outcomes are what the model is told next."""
        await self._recall(state["turn"] + 1)
        return {**state, "phase": "plan", "turn": state["turn"] + 1}

    async def knows(self, state: PlannerState) -> bool:
        """Whether the journal has all that led to this state."""
        last = state["turn"] - 1 if state["phase"] in ("plan", "stopped", "failed") else state["turn"]
        return last < 0 or await self._run.journal.reply(self._run.run, last) is not None

    async def standing(self, state: PlannerState) -> Standing:
        """Where the run stands, in the terms of every run."""
        match state["phase"]:
            case "finished":
                reply = await self._reply(state["turn"])
                return Standing("finished", "", parsed(self._output, reply.text) if self._output else reply.text)
            case "paused":
                return standing_on(self.blocking, self._run)
            case "failed":
                return Standing("failed", state["reason"])
            case _:
                return Standing("stopped", state["reason"])

    # The turn's reply: from the journal if it is there ----------------------------------------------------------

    async def _reply(self, turn: int) -> Reply:
        if known := await self._run.journal.reply(self._run.run, turn):
            return Reply.from_data(known)
        await self._run.journal.require_budget(self._run.run)
        attributes = {names.REQUEST_MODEL: self._model.name}
        with self._run.tracing.span(f"{names.CHAT} {self._model.name}", attributes=attributes) as span:
            reply = await self._model.reply(self._conversation, list(self._run.toolbox))
            span.set(names.INPUT_TOKENS, reply.usage.input_tokens)
            span.set(names.OUTPUT_TOKENS, reply.usage.output_tokens)
        spent = spent_on(reply, self._model, self._seconds())
        written = await self._run.journal.add_reply(self._run.run, turn, reply.as_data(), spent)
        return Reply.from_data(written)

    def _seconds(self) -> float:
        """Working time since this was last asked."""
        began, self._began = self._began, time.monotonic()
        return self._began - began

    # The conversation, from the journal ---------------------------------------------------------------------------

    async def _recall(self, turns: int) -> None:
        """Make the conversation hold the exchanges of all earlier turns."""
        for turn in range(len(self._conversation.exchanges), turns):
            reply = await self._reply(turn)
            observations = [await self._observed(turn, index, call) for index, call in enumerate(reply.calls)]
            self._conversation.exchanges.append(Exchange(reply, tuple(observations), self._correction(reply)))

    async def _observed(self, turn: int, index: int, call: ProposedCall) -> Observation:
        record = await self._run.journal.action(Slot(self._run.run, turn, index).action_id)
        if record.state in FINAL:
            return Observation(call, Outcome.from_data(record.outcome or {}))
        return Observation(call, Outcome("held", f"{record.id} is kept back for a while, in which it can be cancelled"))

    def _correction(self, reply: Reply) -> str:
        if reply.calls:
            return ""
        if not reply.text.strip():
            return EMPTY
        if self._output is None:
            return ""
        try:
            parsed(self._output, reply.text)
        except InvalidOutput as problem:
            return str(problem)
        return ""

    def _answered(self, reply: Reply, state: PlannerState) -> PlannerState:
        """A reply without calls is the final answer, if it fits; else it is sent back a bounded number of times."""
        problem = self._correction(reply)
        if not problem:
            return {**state, "phase": "finished"}
        if _corrections(self._conversation.exchanges) >= REPAIRS:
            return {**state, "phase": "failed", "reason": f"no fitting answer after {REPAIRS} repairs: {problem}"}
        return {**state, "phase": "plan", "turn": state["turn"] + 1}


def _lets_go_on(outcome: Outcome[Any]) -> bool:
    """Whether the model may hear of it now.

    A held action is as good as decided; the worker releases it. One in doubt is not: a model that goes on without
    knowing proposes it again.
    """
    return outcome.status != "in_doubt" and (outcome.final or outcome.status == "held")


def _corrections(exchanges: Sequence[Exchange]) -> int:
    """Answers sent back since the model last did something else."""
    count = 0
    for exchange in reversed(exchanges):
        if not exchange.correction:
            break
        count += 1
    return count
