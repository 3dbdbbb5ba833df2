"""The agent: wires model, tools, policy and journal together, and takes runs down the road."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, TypeVar

from langchain_core.language_models import BaseChatModel
from pydantic import TypeAdapter

from agentkit.action import Outcome
from agentkit.approval.question import Question
from agentkit.approval.settle import settle
from agentkit.call import Proposal, Slot
from agentkit.errors import DeveloperMistake, NotFound
from agentkit.execution.context import RunContext
from agentkit.execution.events import Event
from agentkit.execution.forward import Standing, call_of, perform_all, standing_on
from agentkit.execution.perform import perform
from agentkit.execution.run import OVER, Run, read_run
from agentkit.execution.undo import approve, carry_out
from agentkit.execution.undo_plan import UndoPlan, make_plan, new_undo, targets
from agentkit.journal.journal import Journal
from agentkit.journal.ledger import new_id
from agentkit.journal.records import RunKind, RunRecord
from agentkit.planner.budget import Budget
from agentkit.planner.chat import as_model
from agentkit.planner.conversation import Price
from agentkit.planner.driver import Driver, Listener, nobody
from agentkit.planner.graph import checkpoints, pursue
from agentkit.planner.model import Model
from agentkit.planner.pursuit import Pursuit
from agentkit.policy.engine import Policy
from agentkit.policy.packs import PolicyText
from agentkit.sandbox import Sandbox
from agentkit.settings import Settings, idempotency_key
from agentkit.telemetry.spans import Tracing
from agentkit.tool import Tool
from agentkit.toolbox import Toolbox

R = TypeVar("R")


class Agent:
    """A model, tools, a policy and a journal. Everything it does goes down the one road.

    Args:
        model: `provider:name`, a langchain chat model, any `Model`, or None for an agent that only acts by `act`.
        tools: what it can do.
        policy: a pack's name, the path of a `.cedar` file, or Cedar itself in a `PolicyText`.
        journal: `sqlite:///file.db`, or `memory:`.
        name: who it is; its principal `agent:name` can never answer its own questions.
        instructions: what the model is told before the goal.
        output: the type of the final answer; text without it.
        budget: the limits of each run.
        price: what the model costs; needed for a money budget.
        sandbox: the walls for tools that need them.
        settings: everything else; by default from the environment and `agentkit.toml`.
    """

    def __init__(
        self,
        model: "str | Model | BaseChatModel | None" = None,
        *,
        tools: Iterable[Tool[..., Any]],
        policy: str | Path | PolicyText | Policy | None = None,
        journal: str | None = None,
        name: str = "agent",
        instructions: str = "",
        output: Any = None,
        budget: Budget | None = None,
        price: Price | None = None,
        sandbox: Sandbox | None = None,
        settings: Settings | None = None,
    ) -> None:
        given = settings or Settings()
        self.settings = given.model_copy(update={"journal": journal}) if journal else given
        self.name = name
        self.toolbox = Toolbox(tools)
        self.policy = Policy.load(policy or self.settings.policy, self.toolbox)
        self.model = as_model(model or self.settings.model, price)
        self.instructions = instructions
        self.output: TypeAdapter[Any] | None = None if output is None else TypeAdapter(output)
        self.budget = budget or Budget.of(self.settings)
        self._sandbox = sandbox
        self._scripts: dict[str, int] = {}
        self._driver: Driver | None = None
        self._closing = contextlib.AsyncExitStack()

    # Opening and closing -----------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        url, tenant = self.settings.journal, self.settings.tenant
        async with contextlib.AsyncExitStack() as opened:  # what is open is closed again when the rest does not open
            journal = Journal.open(url, tenant=tenant)
            opened.push_async_callback(journal.close)
            secret = idempotency_key(self.settings)
            tracing = Tracing.open(url, tenant=tenant, otlp_endpoint=self.settings.otlp_endpoint)
            opened.callback(tracing.close)
            self._saver = await opened.enter_async_context(checkpoints(_checkpoint_file(self.settings)))
            self._driver = Driver(
                self.name, self.principal, self.toolbox, self.policy, journal, tracing, self.settings, secret,
                self._sandbox,
            )  # fmt: skip
            self._closing = opened.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._closing.aclose()
        self._driver = None

    @property
    def journal(self) -> Journal:
        """What happened, while the agent is open."""
        return self._drive.journal

    @property
    def _drive(self) -> Driver:
        if self._driver is None:
            raise DeveloperMistake("open the agent first: `async with agent:`")
        return self._driver

    @property
    def principal(self) -> str:
        """Under which name it acts."""
        return f"agent:{self.name}"

    # Goals -------------------------------------------------------------------------------------------------------

    async def run(self, goal: str, *, budget: Budget | None = None) -> Run:
        """Pursue a goal as far as it can go now: to its end, or until something waits.

        Raises:
            DeveloperMistake: the agent has no model, or its budget cannot be kept.
        """
        return await self._begin(goal, budget, nobody)

    async def resume(self, run: str, *, budget: Budget | None = None) -> Run:
        """Take a run up where it stands: after an answer, a crash, or with a larger budget; nothing is done twice.

        Raises:
            NotFound: no such run of this agent.
        """
        return await self._continue(run, budget, nobody)

    async def stream(
        self, goal: str = "", *, resume: str | None = None, budget: Budget | None = None
    ) -> AsyncGenerator[Event]:
        """Like `run` or, with the id of a run, `resume`; tells typed events on the way."""
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        work = self._continue(resume, budget, events.put_nowait) if resume else self._begin(
            goal, budget, events.put_nowait
        )  # fmt: skip
        task = asyncio.create_task(work)
        task.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def run_sync(self, goal: str, *, budget: Budget | None = None) -> Run:
        """`run` for scripts without a loop of their own; opens and closes the agent around it.

        Raises:
            DeveloperMistake: a loop is running already, as in a notebook.
        """
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop()
            raise DeveloperMistake("a loop is running already: write `async with agent: await agent.run(goal)`")

        async def once() -> Run:
            async with self:
                return await self.run(goal, budget=budget)

        return asyncio.run(once())

    # Single acts -------------------------------------------------------------------------------------------------

    async def act(self, proposal: Proposal[R], *, run: str | None = None) -> Outcome[R]:
        """Perform one proposal, as in `await agent.act(send(to=[...], ...))`.

        Acts of a named `run` are counted from the top of the program: a program that is started again after a crash
        with the same name gets the recorded outcomes and goes on where it was. So does an act that is tried again
        after an error; without a name each try is another action.

        Raises:
            SlotTaken: the program of that name proposed something else at this place before.
            BudgetExhausted: a limit of the agent's budget is reached.
            DeveloperMistake: `run` names a goal or an undo.
        """
        name = run or new_id("r")
        record = await self.journal.open_run(self._record(name, "act", f"act {proposal.tool}", self.budget))
        if record.kind != "act":
            raise DeveloperMistake(f"{name} is no script but a run of kind '{record.kind}'; choose another name")
        if record.frozen_by:
            raise DeveloperMistake(f"{name} was taken back by {record.frozen_by}; choose another name to do it again")
        turn = self._scripts.get(name, 0)
        call = proposal.at(Slot(name, turn, 0))
        last: list[Outcome[Any]] = []

        async def forward(context: RunContext) -> Standing:
            last[:] = [await perform(call, context)]
            return standing_on(last, context)

        await self._drive.bring_forward(record, forward)
        self._scripts[name] = turn + 1  # only now: after an error the same act is tried again
        outcome = replace(last[0], action=call.slot.action_id)
        return outcome.typed(self.toolbox.named(call.tool)) if outcome.result is not None else outcome

    async def advance(self, action: str) -> Outcome:
        """Take one action of any run as far as it can go now: release a due hold, recover what was begun.

        Raises:
            NotFound: no such action.
        """
        record = await self.journal.action(action)
        run = await self._own(record.run)
        with self._drive.span(run):
            return await perform(call_of(record), self._drive.context(run))

    # People ------------------------------------------------------------------------------------------------------

    async def waiting(self) -> list[Question]:
        """Everything in the journal that waits for a person, oldest first."""
        return [Question(q, self.journal, self.toolbox) for q in await self.journal.open_questions()]

    async def settle(self, action: str, *, happened: bool, by: str, note: str = "", result: Any = None) -> Outcome:
        """Record what a person found out about an action in doubt.

        Raises:
            NotFound: no such action, or it is not in doubt.
        """
        if result is not None:
            tool = self.toolbox.named((await self.journal.action(action)).tool)
            result = tool.result.dump_python(tool.result.validate_python(result), mode="json")
        return await settle(self.journal, action, happened=happened, by=by, note=note, result=result)

    # Undo --------------------------------------------------------------------------------------------------------

    async def undo_plan(self, target: str) -> UndoPlan:
        """Plan to take back a run, or one action with what was built on it. Asks for quotes, changes nothing.

        Raises:
            NotFound: no such run or action.
        """
        undone, actions = await targets(target, self.journal)
        await self._own(undone.id)
        record = new_undo(target, undone, self.journal.clock())
        steps = await make_plan(target, record, actions, self._drive.context(record))

        async def agreed(by: str, digest: str) -> Run:
            await approve(record.id, by, digest, self.journal)
            return await self.resume(record.id)

        return UndoPlan(record.id, undone.id, steps, agreed)

    # Underneath --------------------------------------------------------------------------------------------------

    async def _begin(self, goal: str, budget: Budget | None, listen: Listener) -> Run:
        if not goal.strip():
            raise DeveloperMistake("the goal is empty: say what the agent should do")
        limits = budget or self.budget
        limits.check(self._require_model())
        record = await self.journal.open_run(self._record(new_id("r"), "goal", goal, limits))
        return await self._take_up(record, listen)

    async def _continue(self, run: str, budget: Budget | None, listen: Listener) -> Run:
        record = await self._own(run)
        if budget:
            budget.check(self.model)
            await self.journal.set_budget(run, budget.as_data())  # also for what is still held in a finished run
        if record.status in OVER or record.frozen_by:
            return await self._read(run)
        return await self._take_up(record, listen)

    async def _own(self, run: str) -> RunRecord:
        """Only the agent that began a run has the tools to go on with it: another would refuse its actions."""
        record = await self.journal.run(run)
        if record.agent != self.principal:
            raise NotFound(f"{run} was begun by {record.agent}, and this is {self.principal}: use that agent")
        return record

    async def _take_up(self, record: RunRecord, listen: Listener) -> Run:
        async def forward(context: RunContext) -> Standing:
            match record.kind:
                case "goal":
                    model = self._require_model()
                    pursuit = Pursuit(record.goal, self.instructions, model, context, self.output)
                    return await pursue(pursuit, self._saver)
                case "act":
                    return await perform_all(record, context)
                case "undo":
                    return await carry_out(await self.journal.run(record.id), context)

        await self._drive.bring_forward(record, forward, listen)
        return await self._read(record.id)

    def _record(self, run: str, kind: RunKind, goal: str, budget: Budget) -> RunRecord:
        now = self.journal.clock()
        return RunRecord(run, kind, goal, self.principal, "running", now, now, budget=budget.as_data())

    def _require_model(self) -> Model:
        if self.model is None:
            raise DeveloperMistake("this agent has no model: Agent('provider:name', ...) or set AGENTKIT_MODEL")
        return self.model

    async def _read(self, run: str) -> Run:
        return await read_run(self.journal, run, self.toolbox)


def _checkpoint_file(settings: Settings) -> str | None:
    file = settings.database_file
    return None if file is None else f"{file}.checkpoints"
