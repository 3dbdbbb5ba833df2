"""The agent puts everything together: opening, acting, resuming scripts, and the way in for programs without a loop."""

import asyncio
import threading
from pathlib import Path

import pytest

from agentkit import Agent, ScriptedModel
from agentkit.errors import (
    BudgetExhausted,
    ConsentRefused,
    DeveloperMistake,
    InvalidSettings,
    JournalUnavailable,
    NotFound,
    SlotTaken,
)
from agentkit.planner.budget import Budget
from agentkit.settings import Settings
from tests.execution.trip import Room, Trip, do, script
from tests.journal.processes import in_a_process

A, B = do("room.book", room="a"), do("room.book", room="b")


@pytest.fixture
def trip(tmp_path: Path) -> Trip:
    return Trip(tmp_path / "world")


async def test_an_act_returns_the_result_in_the_tools_own_type(trip):
    async with trip.agent() as agent:
        outcome = await agent.act(A)

    assert (outcome.status, outcome.value) == ("done", Room(uuid="uuid-of-a"))


async def test_an_agent_that_is_not_open_says_how_to_open_it(trip):
    with pytest.raises(DeveloperMistake, match="async with agent"):
        await trip.agent().act(A)


async def test_an_agent_can_be_opened_again(trip, url):
    agent = trip.agent(url)
    async with agent:
        await agent.act(A)
    async with agent:
        await agent.act(B)

    assert trip.lines == ["book a", "book b"]


@pytest.mark.parametrize(
    ("journal", "error"),
    [("sqlite:////nowhere/at/all.db", JournalUnavailable), ("postgresql://h/d", JournalUnavailable)],
)
async def test_a_journal_that_cannot_be_used_is_said_at_opening(trip, journal, error):
    agent = trip.agent(journal)

    with pytest.raises(error):
        await agent.__aenter__()


async def test_what_was_opened_is_closed_when_the_rest_does_not_open(trip, url, tmp_path):
    (tmp_path / "acts.db.key").write_text("short")
    (tmp_path / "acts.db.key").chmod(0o600)
    agent = trip.agent(url)

    with pytest.raises(InvalidSettings):
        await agent.__aenter__()

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("agentkit-journal")]


# Scripts --------------------------------------------------------------------------------------------------------


def _script_and_die(url: str, file: Path, dies_at: str) -> None:
    async def main() -> None:
        async with Trip(file, dies_at=dies_at).agent(url) as agent:
            await script(agent, A, B, do("room.book", room="c"))

    asyncio.run(main())


@pytest.mark.parametrize("dies_at", ["book a", "book b", "book c"])
async def test_a_script_that_died_goes_on_where_it_was_when_it_is_started_again(trip, url, dies_at):
    code = await in_a_process(_script_and_die, url, trip.file, dies_at)
    async with trip.agent(url) as agent:
        await script(agent, A, B, do("room.book", room="c"))
        run = await agent.resume("trip")

    assert code == 9
    assert trip.lines == ["book a", "book b", "book c"]
    assert [step.state for step in run.steps] == ["done"] * 3


async def test_a_script_that_says_something_else_the_second_time_is_stopped(trip, url):
    async with trip.agent(url) as agent:
        await script(agent, A)
    async with trip.agent(url) as agent:
        with pytest.raises(SlotTaken):
            await script(agent, B)

    assert trip.lines == ["book a"]


async def test_acts_without_a_name_have_nothing_to_do_with_each_other(trip):
    async with trip.agent() as agent:
        await agent.act(do("mail.send", to="bob"))
        await agent.act(do("mail.send", to="bob"))

    assert trip.lines == ["send bob", "send bob"]


async def test_a_script_does_not_act_in_a_goal_or_an_undo(trip):
    async with trip.agent(model=ScriptedModel([A, "done"])) as agent:
        run = await agent.run("book")
        undo = await (await agent.undo_plan(run.id)).carry_out(by="ann")

        for other in (run.id, undo.id):
            with pytest.raises(DeveloperMistake, match="is no script"):
                await agent.act(B, run=other)

    assert "book b" not in trip.lines


async def test_a_waiting_act_goes_on_when_its_run_is_resumed(trip):
    async with trip.agent(policy="supervised") as agent:
        waits = await agent.act(do("mail.send", to="bob"), run="trip")
        (question,) = await agent.waiting()
        await question.approve(by="ann")
        run = await agent.resume("trip")

    assert waits.status == "waiting"
    assert (run.status, trip.lines) == ("finished", ["send bob"])


async def test_the_agents_budget_holds_for_scripts(trip):
    async with trip.agent(budget=Budget(tool_calls=1)) as agent:
        await script(agent, A)
        with pytest.raises(BudgetExhausted):
            await script(agent, B)

        assert (await agent.journal.run("trip")).status == "stopped"
    assert trip.lines == ["book a"]


async def test_what_is_not_there_is_not_found(trip):
    async with trip.agent() as agent:
        with pytest.raises(NotFound, match="no run 'r-1'"):
            await agent.resume("r-1")
        with pytest.raises(NotFound, match="no action 'a-1'"):
            await agent.advance("a-1")
        with pytest.raises(NotFound):
            await agent.settle("a-1", happened=True, by="ann")


# Programs without a loop ----------------------------------------------------------------------------------------


def test_a_script_without_a_loop_can_run_a_goal(trip):
    run = trip.agent(model=ScriptedModel([A, "done"])).run_sync("book")

    assert (run.status, run.answer, trip.lines) == ("finished", "done", ["book a"])


async def test_in_a_running_loop_the_other_form_is_named(trip):
    agent = trip.agent(model=ScriptedModel(["done"]))

    with pytest.raises(DeveloperMistake, match=r"await agent\.run\(goal\)"):
        agent.run_sync("book")


# Settling -------------------------------------------------------------------------------------------------------


async def in_doubt(trip: Trip, agent: Agent) -> str:
    trip.doubtful = {"send bob"}
    await agent.act(do("mail.send", to="bob"), run="trip")
    return (await agent.journal.actions("trip"))[0].id


@pytest.mark.parametrize(("happened", "status"), [(True, "done"), (False, "failed")])
async def test_a_person_settles_a_doubt_and_nothing_is_done_by_it(trip, happened, status):
    async with trip.agent() as agent:
        action = await in_doubt(trip, agent)

        outcome = await agent.settle(action, happened=happened, by="ann", note="asked bob")

        found = "it happened" if happened else "it did not happen"
        assert (outcome.status, outcome.reason) == (status, f"ann found that {found}: asked bob")
        assert (await agent.resume("trip")).steps[0].state == status
        with pytest.raises(NotFound, match="not in doubt"):
            await agent.settle(action, happened=not happened, by="bob")
    assert trip.lines == ["send bob"]


@pytest.mark.parametrize("by", ["agent:desk", " agent:desk", ""])
async def test_the_agent_cannot_settle_its_own_doubt(trip, by):
    async with trip.agent() as agent:
        action = await in_doubt(trip, agent)

        with pytest.raises(ConsentRefused):
            await agent.settle(action, happened=True, by=by)


async def test_a_doubt_is_not_approved_but_settled(trip):
    async with trip.agent() as agent:
        await in_doubt(trip, agent)
        (question,) = await agent.waiting()

        with pytest.raises(ConsentRefused, match="agentkit settle"):
            await question.approve(by="ann")


def test_settings_are_the_agents_own(trip):
    agent = Agent(tools=trip.tools, journal="memory:", settings=Settings(max_tool_calls=3))

    assert agent.settings.journal == "memory:"
    assert agent.budget.tool_calls == 3
