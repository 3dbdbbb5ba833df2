"""The worker: what it takes up, what it leaves alone, and how it ends."""

import asyncio
import contextlib
import json
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agentkit import Agent, Checkable, Irreversible, PolicyText, ScriptedModel, ToolContext, tool
from agentkit.cli import errands
from agentkit.cli.worker import Done, Worker
from agentkit.errors import DeveloperMistake, JournalUnavailable
from agentkit.execution.undo import approve
from agentkit.journal.owner import new_owner
from agentkit.settings import Settings
from tests.cli.commands import Invoke, Marks, Program, Shell, Start, question_in, report, run_in
from tests.conftest import Clock

ASK = PolicyText("ask", "permit (principal, action, resource) when { context.approvals >= 1 };")
HOLD = PolicyText("hold", '@hold("10m") permit (principal, action, resource);')
SOON = timedelta(milliseconds=20)

LEASE = timedelta(seconds=30)


class World:
    """Counts what happened in it, by key."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.slow = 0.0

    def tools(self) -> list[Any]:
        async def find(ctx: ToolContext, mark: str) -> str | None:
            return mark if ctx.key in self.keys else None

        @tool("world.mark", repeat=Checkable(probe=find, may_land=timedelta(0)), undo=Irreversible())
        async def mark(ctx: ToolContext, mark: str) -> str:
            await asyncio.sleep(self.slow)
            self.keys.append(ctx.key)
            return mark

        return [mark]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def made(world: World, url: str, clock: Clock) -> AsyncIterator[Callable[..., Any]]:
    """Makes open agents on one journal, with one clock that the test turns."""
    clock.now = datetime.now(UTC)
    async with contextlib.AsyncExitStack() as opened:

        async def make(policy: PolicyText, *, name: str = "desk", calls: int = 1, **settings: Any) -> Agent:
            [mark] = tools = world.tools()
            script = ScriptedModel([[mark(mark=str(n)) for n in range(calls)], "It is done."])
            given = Settings(journal=url, **settings)
            agent = await opened.enter_async_context(
                Agent(script, tools=tools, policy=policy, name=name, settings=given)
            )
            agent.journal.clock = clock
            return agent

        yield make


async def statuses(agent: Agent, run: str) -> list[str]:
    record = await agent.journal.run(run)
    return [record.status, *(action.state for action in await agent.journal.actions(run))]


# What it takes up --------------------------------------------------------------------------------------------------


async def test_an_answered_run_is_resumed_and_an_unanswered_one_is_left(made, world: World):
    agent = await made(ASK)
    answered, open_one = await agent.run("one"), await agent.run("two")
    await answered.waiting[0].approve(by="ann")

    done = await Worker(agent).once()

    assert done == [Done(answered.id, "finished")]
    assert await statuses(agent, open_one.id) == ["waiting", "waiting"]
    assert len(world.keys) == 1
    assert await Worker(agent).once() == []


async def test_of_two_questions_one_answer_lets_that_action_happen_and_the_run_waits_on(made, world: World):
    agent = await made(ASK, calls=2)
    run = await agent.run("both")
    await run.waiting[0].approve(by="ann")

    assert await Worker(agent).once() == [Done(run.id, "waiting")]
    assert sorted(await statuses(agent, run.id)) == ["done", "waiting", "waiting"]
    assert await Worker(agent).once() == []


async def test_a_hold_is_released_when_its_time_has_come_and_not_before_though_its_run_is_over(
    made, world: World, clock: Clock
):
    agent = await made(HOLD)
    run = await agent.run("later")
    assert await statuses(agent, run.id) == ["finished", "held"]

    too_early = await Worker(agent).once()
    clock.turn(minutes=10)
    [released] = await Worker(agent).once()

    assert too_early == []
    assert (released.run, list(released.actions.values())) == (run.id, ["done"])
    assert len(world.keys) == 1


async def test_a_hold_that_is_long_overdue_is_asked_about_and_happens_once_that_is_answered(
    made, world: World, clock: Clock
):
    agent = await made(HOLD)
    run = await agent.run("later")
    clock.turn(hours=3)

    await Worker(agent).once()
    assert await statuses(agent, run.id) == ["finished", "waiting"]
    assert await Worker(agent).once() == []
    [question] = await agent.waiting()
    await question.approve(by="ann")
    await Worker(agent).once()

    assert await statuses(agent, run.id) == ["finished", "done"]
    assert len(world.keys) == 1


async def test_a_question_that_nobody_answers_expires_and_the_run_goes_on_without_the_action(
    made, world: World, clock: Clock
):
    agent = await made(ASK)
    run = await agent.run("one")
    clock.turn(hours=24)

    assert await Worker(agent).once() == [Done(run.id, "finished")]
    assert await statuses(agent, run.id) == ["finished", "refused"]
    assert world.keys == []


async def test_an_approved_undo_that_was_interrupted_is_carried_on_and_a_mere_plan_is_not(made, world: World):
    agent = await made(PolicyText("run", "permit (principal, action, resource);"))
    run = await agent.run("one")
    plan, other = await agent.undo_plan(run.id), await agent.undo_plan(run.id)
    await approve(plan.id, "ann", plan.digest, agent.journal)

    done = await Worker(agent).once()

    assert [each.run for each in done] == [plan.id]
    assert (await agent.journal.run(other.id)).status == "waiting"


def test_what_a_killed_process_left_is_recovered_and_happens_once(
    invoke: Invoke, shell: Shell, program: Program, marks: Marks
):
    program("""
        @tool("world.deadly", repeat=Checkable(probe=find, may_land=timedelta(0)))
        async def deadly(ctx: ToolContext, mark: str) -> str:
            leave(ctx.key)
            os.kill(os.getpid(), signal.SIGKILL)

        agent = Agent(ScriptedModel([deadly(mark="x"), "It is done."]), tools=[deadly], policy=RUN)
    """)
    killed = shell("run", "app:agent", "Die.")
    assert killed.returncode == -signal.SIGKILL

    worked = shell("worker", "app:agent", "--once")

    run = run_in(killed.stderr)
    assert (worked.returncode, f"{run}: finished" in worked.stderr) == (0, True)
    assert report(invoke("show", run, "--json"))["steps"][0]["state"] == "done"
    assert len(marks()) == 1


# What it leaves alone ----------------------------------------------------------------------------------------------


async def test_the_runs_of_another_agent_are_none_of_its_business(made, world: World):
    agent, other = await made(ASK), await made(ASK, name="other")
    run = await other.run("one")
    [question] = await other.waiting()
    await question.approve(by="ann")

    assert await Worker(agent).once() == []
    assert await statuses(agent, run.id) == ["waiting", "waiting"]


async def test_a_run_that_somebody_is_bringing_forward_is_left_to_them(made):
    agent = await made(ASK)
    run = await agent.run("one")
    await run.waiting[0].approve(by="ann")
    await agent.journal.drive(run.id, new_owner(), LEASE, "")

    assert await Worker(agent).once() == []


async def test_nothing_is_released_in_a_run_that_is_being_taken_back(made, world: World, clock: Clock):
    agent = await made(HOLD)
    run = await agent.run("later")
    plan = await agent.undo_plan(run.id)
    await approve(plan.id, "ann", plan.digest, agent.journal)
    clock.turn(minutes=10)

    done = await Worker(agent).once()

    assert [(each.run, each.status) for each in done] == [(plan.id, "rolled_back")]
    assert world.keys == []


async def test_a_journal_in_memory_has_nothing_for_a_worker():
    async with Agent(tools=[], journal="memory:") as agent:
        with pytest.raises(DeveloperMistake, match="name one: sqlite"):
            Worker(agent)


# Trouble -----------------------------------------------------------------------------------------------------------


async def test_one_error_in_one_run_never_stops_the_others_and_is_told_once(
    made, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    agent = await made(ASK)
    runs = [await agent.run(goal) for goal in ("one", "two", "three")]
    for run in runs:
        await run.waiting[0].approve(by="ann")
    resume = agent.resume

    async def resume_or_break(run: str):
        if run == runs[1].id:
            raise JournalUnavailable("the disk is full")
        return await resume(run)

    monkeypatch.setattr(agent, "resume", resume_or_break)
    worker = Worker(agent, poll=SOON)
    with caplog.at_level(logging.WARNING, "agentkit"):
        await serve_until(worker, lambda: len(world.keys) == 2, more=0.3)

    assert len([record for record in caplog.records if "the disk is full" in record.message]) == 1
    assert [(await statuses(agent, run.id))[0] for run in runs] == ["finished", "waiting", "finished"]


async def test_what_does_not_help_is_tried_less_and_less_often(made, clock: Clock, monkeypatch: pytest.MonkeyPatch):
    agent = await made(ASK)
    run = await agent.run("one")
    await run.waiting[0].approve(by="ann")
    tried: list[datetime] = []

    async def resume(_run: str):
        tried.append(clock.now)
        raise JournalUnavailable("the disk is full")

    monkeypatch.setattr(agent, "resume", resume)
    worker = Worker(agent, poll=timedelta(seconds=1))
    for _ in range(200):
        await worker.once()
        clock.turn(seconds=1)

    pauses = [later - earlier for earlier, later in pairwise(tried)]
    assert pauses[:5] == [timedelta(seconds=2**n) for n in range(5)]


async def test_a_run_that_the_worker_itself_gave_up_on_is_tried_again(made, world: World, monkeypatch):
    """It is said to be running, by a process that is alive: only that process knows better."""
    agent = await made(ASK)
    run = await agent.run("one")
    await run.waiting[0].approve(by="ann")
    resume, worker = agent.resume, Worker(agent, poll=timedelta(0))

    async def drive_and_break(run: str):
        await agent.journal.drive(run, new_owner(), LEASE, "")
        raise JournalUnavailable("the disk is full")

    monkeypatch.setattr(agent, "resume", drive_and_break)
    await worker.once()
    assert (await agent.journal.run(run.id)).status == "running"
    monkeypatch.setattr(agent, "resume", resume)

    assert await worker.once() == [Done(run.id, "finished")]
    assert len(world.keys) == 1


async def test_a_journal_that_cannot_be_read_for_a_while_ends_nothing(
    made, world: World, monkeypatch: pytest.MonkeyPatch
):
    agent = await made(ASK)
    run = await agent.run("one")
    await run.waiting[0].approve(by="ann")
    due, failures = errands.due, iter([True, True, False])

    async def sometimes(*given: Any):
        if next(failures, False):
            raise JournalUnavailable("locked")
        return await due(*given)

    monkeypatch.setattr("agentkit.cli.worker.due", sometimes)
    await serve_until(Worker(agent, poll=SOON), lambda: len(world.keys) == 1)


async def test_several_workers_at_once_leave_one_effect_each(made, world: World):
    agents = [await made(ASK, lease=timedelta(seconds=2)) for _ in range(3)]
    runs = [await agents[0].run(f"goal {n}") for n in range(4)]
    for run in runs:
        await run.waiting[0].approve(by="ann")

    await asyncio.gather(*(Worker(agent).once() for agent in agents))
    await asyncio.gather(*(Worker(agent).once() for agent in agents))

    assert len(world.keys) == len(set(world.keys)) == 4
    assert [(await statuses(agents[0], run.id))[0] for run in runs] == ["finished"] * 4


# The end -----------------------------------------------------------------------------------------------------------


async def test_it_does_not_spin_while_there_is_nothing_to_do(made, monkeypatch: pytest.MonkeyPatch):
    agent = await made(ASK)
    looks = 0
    due = errands.due

    async def counted(*given: Any):
        nonlocal looks
        looks += 1
        return await due(*given)

    monkeypatch.setattr("agentkit.cli.worker.due", counted)
    await serve_until(Worker(agent, poll=timedelta(milliseconds=200)), lambda: False, more=0, patience=1)

    assert 4 <= looks <= 7


async def test_told_to_stop_it_finishes_what_is_under_way_and_takes_no_more(made, world: World):
    agent = await made(ASK)
    runs = [await agent.run(goal) for goal in ("one", "two")]
    world.slow = 0.5
    await runs[0].waiting[0].approve(by="ann")
    worker = Worker(agent, poll=SOON)
    serving = asyncio.create_task(worker.serve())
    while not worker.under_way:
        await asyncio.sleep(0.01)

    worker.stop()
    await runs[1].waiting[0].approve(by="ann")
    await serving

    assert (await statuses(agent, runs[0].id))[0] == "finished"
    assert (await statuses(agent, runs[1].id))[0] == "waiting"


async def test_told_twice_it_cancels_and_another_worker_goes_on(made, world: World, clock: Clock):
    agent = await made(ASK)
    run = await agent.run("one")
    await run.waiting[0].approve(by="ann")
    world.slow = 60
    worker = Worker(agent, poll=SOON)
    serving = asyncio.create_task(worker.serve())
    while (await statuses(agent, run.id))[1] != "started":
        await asyncio.sleep(0.01)

    began = time.monotonic()
    worker.stop()
    worker.stop()
    await serving

    assert time.monotonic() - began < 5
    assert (await statuses(agent, run.id))[0] == "running"
    world.slow = 0
    clock.turn(minutes=2)  # by then nothing of the cancelled attempt can land any more
    await agent.resume(run.id)
    assert len(world.keys) == 1


SLOW = """
    @tool("world.slow", repeat=Checkable(probe=find, may_land=timedelta(0)), timeout=timedelta(seconds=4))
    async def slow(ctx: ToolContext, mark: str) -> str:
        (WORLD.parent / "began").touch()
        await asyncio.sleep({seconds})
        leave(ctx.key)
        return mark

    agent = Agent(ScriptedModel([slow(mark="x"), "It is done."]), tools=[slow], policy=ASK)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_process_finish_what_is_under_way(
    start: Start, invoke: Invoke, program: Program, marks: Marks, folder: Path, number: int
):
    program(SLOW.format(seconds=1.5))
    waiting = invoke("run", "app:agent", "Slowly.")
    invoke("approve", question_in(waiting.stdout))
    worker = start("worker", "app:agent", "--poll", "0.1", "--json")
    wait_for(folder / "began")

    worker.send_signal(number)
    out, err = worker.communicate(timeout=20)

    assert (worker.returncode, len(marks())) == (0, 1), err
    assert json.loads(out) == {"run": run_in(waiting.stdout), "status": "finished", "actions": {}, "error": ""}
    assert "Finishing what is under way (1); once more cancels it." in err
    assert "Traceback" not in err


def test_a_second_signal_cancels_it_and_the_run_can_still_be_resumed(
    start: Start, shell: Shell, invoke: Invoke, program: Program, marks: Marks, folder: Path
):
    program(SLOW.format(seconds=30))
    waiting = invoke("run", "app:agent", "Slowly.")
    invoke("approve", question_in(waiting.stdout))
    worker = start("worker", "app:agent", "--poll", "0.1")
    wait_for(folder / "began")

    worker.send_signal(signal.SIGINT)
    time.sleep(0.3)
    worker.send_signal(signal.SIGINT)
    _out, err = worker.communicate(timeout=20)

    assert (worker.returncode, "Traceback" in err, marks()) == (130, False, [])
    program(SLOW.format(seconds=0))
    assert shell("resume", "app:agent", run_in(waiting.stdout)).returncode == 0
    assert len(marks()) == 1


def test_a_long_lived_worker_takes_up_what_is_answered_meanwhile(
    start: Start, invoke: Invoke, program: Program, marks: Marks
):
    program('agent = Agent(ScriptedModel([mark(mark="x"), "It is done."]), tools=[mark], policy=ASK)')
    worker = start("worker", "app:agent", "--poll", "0.1")
    waiting = invoke("run", "app:agent", "Leave a mark.")
    invoke("approve", question_in(waiting.stdout))
    run, end = run_in(waiting.stdout), time.monotonic() + 20
    while report(invoke("show", run, "--json"))["status"] != "finished":
        assert time.monotonic() < end
        time.sleep(0.1)

    worker.terminate()
    _out, err = worker.communicate(timeout=20)

    assert (worker.returncode, f"{run}: finished" in err) == (0, True)
    assert len(marks()) == 1


def test_with_nothing_due_it_says_so(invoke: Invoke, program: Program):
    program("agent = Agent(tools=[mark], policy=ASK)")
    idle = invoke("worker", "app:agent", "--once")
    assert (idle.exit_code, idle.stderr) == (0, "Nothing was due.\n")


async def serve_until(worker: Worker, enough: Callable[[], bool], *, more: float = 0, patience: float = 10) -> None:
    """Let a worker serve until that is so, and a little longer."""
    serving = asyncio.create_task(worker.serve())
    end = time.monotonic() + patience
    while not enough() and time.monotonic() < end:
        await asyncio.sleep(0.01)
    await asyncio.sleep(more)
    worker.stop()
    await serving


def wait_for(file: Path) -> None:
    end = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < end, f"{file.name} never came"
        time.sleep(0.05)
