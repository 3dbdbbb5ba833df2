"""What a hostile reader found: each of these once doubled, lost or blocked something."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from agentkit import Agent, Delayable, Idempotent, Irreversible, PolicyText, ScriptedModel, ToolContext, tool
from agentkit.call import Proposal, Slot, ToolCall
from agentkit.cli.errands import due
from agentkit.errors import ConsentRefused, InvalidTool, JournalUnavailable
from agentkit.execution.barrier import barrier_to, decide
from tests.execution.trip import Trip, do

ASK = PolicyText("ask", "permit (principal, action, resource) when { context.approvals >= 1 };")
MAIL = do("mail.send", to="bob")


@pytest.fixture
def trip(tmp_path: Path) -> Trip:
    return Trip(tmp_path / "world")


async def test_a_run_whose_listener_went_away_is_taken_up_by_a_worker(trip, url):
    async with trip.agent(url, model=ScriptedModel([MAIL, "told"])) as agent:
        async for event in agent.stream("tell bob"):
            if type(event).__name__ == "Replied":
                break
        await asyncio.sleep(0.2)
        [run] = await agent.journal.runs()

        assert [errand.run for errand in await due(agent, {})] == [run.id]
        assert (await agent.resume(run.id)).status == "finished"
        assert trip.lines == ["send bob"]


async def test_a_run_left_by_another_machine_is_taken_up_when_its_lease_is_over(trip, url):
    async with trip.agent(url, model=ScriptedModel([MAIL, "told"])) as agent:
        run = await agent.run("tell bob")
        elsewhere = '{"boot": "another", "host": "elsewhere", "pid": 1, "born": 1, "nonce": "x"}'
        await agent.journal.set_status(run.id, "rolled_back")  # so that `drive` leaves it alone
        goal = await agent.journal.open_run(agent._record("r-left", "goal", "tell bob", agent.budget))
        await agent.journal.drive(goal.id, elsewhere, timedelta(seconds=30), "")

        before = [errand.run for errand in await due(agent, {})]
        late = agent.journal.clock() + timedelta(seconds=31)
        agent.journal.clock = lambda: late
        after = [errand.run for errand in await due(agent, {})]

        assert (before, after) == ([], ["r-left"])


async def test_an_act_that_is_tried_again_after_an_error_is_the_same_action(trip, url, monkeypatch):
    async with trip.agent(url) as agent:
        end = agent.journal.end

        async def full_disk(*_: object, **__: object) -> None:
            raise JournalUnavailable("no space left")

        monkeypatch.setattr(agent.journal, "end", full_disk)
        with pytest.raises(JournalUnavailable):
            await agent.act(do("room.book", room="a"), run="job")
        monkeypatch.setattr(agent.journal, "end", end)
        await agent.act(do("room.book", room="a"), run="job")

        assert len(await agent.journal.actions("job")) == 1


async def test_an_answer_between_deciding_and_asking_is_not_lost(trip, url):
    async with trip.agent(url, policy=ASK) as agent:
        await agent.act(MAIL, run="job")
        [question] = await agent.waiting()
        context = agent._drive.context(await agent.journal.run("job"))
        call = ToolCall("mail.send", {"to": "bob"}, Slot("job", 0, 0))
        known, action = await agent.journal.known(call), agent.toolbox.validate(call)

        undecided = await decide(action, known, context)
        await question.approve(by="ann")
        barrier = await barrier_to(call, action, undecided, known, context)

        assert barrier is not None
        assert barrier.status == "claimed"
        assert await agent.waiting() == []
        assert (await agent.resume("job")).status == "finished"
        assert trip.lines == ["send bob"]


def test_what_is_not_held_is_not_called_delayable():
    with pytest.raises(InvalidTool, match="Irreversible"):
        Delayable(timedelta(0))


class Ticket(BaseModel):
    number: str = Field(default_factory=lambda: str(next(NUMBERS)))


NUMBERS = iter(range(1000))


async def test_a_default_that_is_made_anew_each_time_is_made_once(url):
    seen: list[str] = []

    @tool("ticket.print", repeat=Idempotent(), undo=Irreversible())
    async def print_ticket(ctx: ToolContext, ticket: Ticket) -> None:
        """Print a ticket."""
        seen.append(ticket.number)

    model = ScriptedModel([Proposal("ticket.print", {"ticket": {}}), "printed"])
    async with Agent(model, tools=[print_ticket], policy=ASK, journal=url) as agent:
        run = await agent.run("print")
        shown = run.waiting[0].arguments["ticket"]["number"]
        await run.waiting[0].approve(by="ann")
        run = await agent.resume(run.id)

    assert (run.status, seen) == ("finished", [shown])


async def test_two_names_that_look_alike_are_one_person(trip, url):
    two = PolicyText("two", "permit (principal, action, resource) when { context.approvals >= 2 };")
    async with trip.agent(url, policy=two) as agent:
        await agent.act(MAIL, run="job")
        [question] = await agent.waiting()
        await question.approve(by="ann")
        for alike in ("Ann", "ann ", "\uff41nn", "ann\u200b"):
            with pytest.raises(ConsentRefused):
                await question.approve(by=alike)

        assert (await agent.resume("job")).status == "waiting"
        assert trip.lines == []
