"""A goal is pursued turn by turn; whatever is lost, nothing is done twice and nothing is asked twice."""

import asyncio
import contextlib
import re
import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agentkit import Agent, Budget, Conversation, Price, ScriptedModel
from agentkit.errors import DeveloperMistake, ModelUnavailable, UnknownPrice
from agentkit.execution.events import Replied, RunEnded, RunPaused, RunStarted, Started, Went
from agentkit.journal.journal import Journal
from agentkit.planner.conversation import ProposedCall, Reply, Usage
from tests.conftest import Clock
from tests.execution.trip import Trip, do
from tests.execution.world import really_now
from tests.journal.processes import FORK, in_processes

A, B, MAIL = do("room.book", room="a"), do("room.book", room="b"), do("mail.send", to="bob")


@pytest.fixture
def trip(tmp_path: Path) -> Trip:
    return Trip(tmp_path / "world")


class Counted(ScriptedModel):
    """Counts how often it was asked, and remembers what it was told."""

    def __init__(self, script: Any) -> None:
        super().__init__(script)
        self.asked = 0
        self.told: list[list[str]] = []

    async def reply(self, conversation: Conversation, tools: Sequence[Any]) -> Reply:
        self.asked += 1
        seen = [o.outcome for exchange in conversation.exchanges for o in exchange.observations]
        self.told.append([f"{outcome.status} {outcome.reason}" for outcome in seen])
        return await super().reply(conversation, tools)


async def test_a_goal_is_pursued_to_its_answer(trip):
    async with trip.agent(model=ScriptedModel([A, [B, do("room.look", room="b")], "two rooms"])) as agent:
        run = await agent.run("book rooms")

    assert (run.status, run.answer, run.waiting) == ("finished", "two rooms", [])
    assert [step.tool for step in run.steps] == ["room.book", "room.book", "room.look"]
    assert trip.lines == ["book a", "book b"]


async def test_the_model_hears_what_became_of_its_calls(trip):
    model = ScriptedModel([A, lambda told: f"got {told.results('room.book')[0]['uuid']}"])
    async with trip.agent(model=model) as agent:
        assert (await agent.run("book")).answer == "got uuid-of-a"


async def test_a_finished_run_is_not_pursued_again(trip):
    model = Counted([A, "done"])
    async with trip.agent(model=model) as agent:
        run = await agent.run("book")
        again = await agent.resume(run.id)

    assert (again.status, again.answer, model.asked) == ("finished", "done", 2)


async def test_invalid_calls_are_told_to_the_model_which_mends_them(trip):
    wrong = [
        do("room.bok", room="a"),
        do("room.book", room=5),  # type: ignore[arg-type]
        do("room.book", room="a", extra="x"),
        do("room.book"),
    ]
    model = Counted([wrong, A, "done"])
    async with trip.agent(model=model) as agent:
        run = await agent.run("book")

    assert run.status == "finished"
    assert trip.lines == ["book a"]
    told = model.told[1]
    assert "did you mean 'room.book'?" in told[0]
    assert "room: Input should be a valid string (got '5')" in told[1]
    assert "extra: Extra inputs are not permitted" in told[2]
    assert "room: Field required" in told[3]


# Waiting --------------------------------------------------------------------------------------------------------


async def test_two_questions_of_one_turn_wait_together_and_their_siblings_go_on(trip):
    cat = do("mail.send", to="cat")
    model = Counted([[MAIL, A, cat], "done"])
    async with trip.agent(policy="supervised", model=model) as agent:
        run = await agent.run("tell them")
        before = list(trip.lines)
        await run.waiting[0].approve(by="ann")
        half = await agent.resume(run.id)
        await half.waiting[0].reject("not cat", by="ann")
        run = await agent.resume(run.id)

    assert [question.arguments for question in half.waiting] == [{"to": "cat"}]
    assert before == ["book a"]
    assert (run.status, trip.lines) == ("finished", ["book a", "send bob"])
    assert model.asked == 2
    assert model.told[1][2] == "refused ann said no: not cat"


async def test_answers_count_in_any_order_and_from_another_process_of_the_journal(trip, url):
    model = ScriptedModel([[MAIL, do("mail.send", to="cat")], "done"])
    async with trip.agent(url, policy="supervised", model=model) as agent:
        run = await agent.run("tell them")
        elsewhere = Journal.open(url, create=False)
        for question in reversed(await elsewhere.open_questions()):
            await elsewhere.answer(question.id, "approve", by="ann", proof="asserted")
        await elsewhere.close()

        run = await agent.resume(run.id)

    assert (run.status, trip.lines) == ("finished", ["send bob", "send cat"])


async def test_what_is_kept_back_does_not_keep_the_run_back(trip):
    model = Counted([do("mail.later", to="bob"), A, "done"])
    async with trip.agent(model=model) as agent:
        agent.journal.clock = clock = Clock(really_now())
        run = await agent.run("later")
        before = list(trip.lines)
        clock.turn(hours=1)
        released = await agent.advance(run.held[0].id)

    assert (run.status, before) == ("finished", ["book a"])
    (held,) = model.told[1]
    assert re.fullmatch("held a-[0-9a-f]{16} is kept back for a while, in which it can be cancelled", held)
    assert released.status == "done"
    assert trip.lines == ["book a", "later bob"]


@pytest.mark.parametrize(("happened", "told"), [(True, "done"), (False, "failed")])
async def test_a_run_waits_until_a_doubt_is_settled_and_tells_the_model_what_was_found(trip, happened, told):
    trip.doubtful = {"send bob"}
    model = Counted([MAIL, "told"])
    async with trip.agent(model=model) as agent:
        run = await agent.run("tell bob")
        [doubt] = run.in_doubt
        still = await agent.resume(run.id)
        await agent.settle(doubt.id, happened=happened, by="ann")
        ended = await agent.resume(run.id)

    assert (run.status, still.status, ended.status) == ("waiting", "waiting", "finished")
    assert run.waiting == []
    assert model.told[1][0].startswith(told)
    assert trip.lines == ["send bob"]


# What gets lost -------------------------------------------------------------------------------------------------


def checkpoints(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///") + ".checkpoints")


def lose(url: str) -> None:
    for file in checkpoints(url).parent.glob(checkpoints(url).name + "*"):
        file.unlink()


@pytest.mark.parametrize("how", ["deleted", "damaged", "another program's"])
async def test_a_lost_checkpoint_changes_nothing(trip, url, how):
    model = Counted([A, MAIL, "done"])
    async with trip.agent(url, policy="supervised", model=model) as agent:
        run = await agent.run("book and tell")
        await run.waiting[0].approve(by="ann")
    lose(url)
    if how == "damaged":
        checkpoints(url).write_bytes(b"not a database at all" * 500)
    if how == "another program's":
        with contextlib.closing(sqlite3.connect(checkpoints(url))) as theirs:
            theirs.execute("CREATE TABLE checkpoints (recipe)")

    async with trip.agent(url, policy="supervised", model=model) as agent:
        run = await agent.resume(run.id)

    assert (run.status, run.answer) == ("finished", "done")
    assert trip.lines == ["book a", "send bob"]
    assert model.asked == 3


async def test_a_stale_checkpoint_changes_nothing(trip, url):
    model = Counted([A, MAIL, B, do("mail.send", to="cat"), "done"])
    async with trip.agent(url, policy="supervised", model=model) as agent:
        run = await agent.run("go")
        await run.waiting[0].approve(by="ann")
    stale = checkpoints(url).read_bytes()
    async with trip.agent(url, policy="supervised", model=model) as agent:
        run = await agent.resume(run.id)
        await run.waiting[0].approve(by="ann")
    lose(url)
    checkpoints(url).write_bytes(stale)

    async with trip.agent(url, policy="supervised", model=model) as agent:
        run = await agent.resume(run.id)

    assert run.status == "finished"
    assert trip.lines == ["book a", "send bob", "book b", "send cat"]
    assert model.asked == 5


async def test_a_reply_is_written_down_before_it_is_used(trip):
    async with trip.agent(model=ScriptedModel([A, "done"])) as agent:
        run = await agent.run("book")
        kinds = [entry.kind for entry in await agent.journal.entries(run.id)]

    assert kinds.index("replied") < kinds.index("proposed")
    assert kinds.count("replied") == 2


async def test_a_model_that_would_say_something_else_now_is_not_asked_again(trip, url):
    async with trip.agent(url, policy="supervised", model=ScriptedModel([MAIL, "done"])) as agent:
        run = await agent.run("tell bob")
        await run.waiting[0].approve(by="ann")
    lose(url)

    async with trip.agent(url, policy="supervised", model=ScriptedModel([do("mail.send", to="eve"), "done"])) as agent:
        run = await agent.resume(run.id)

    assert (run.status, trip.lines) == ("finished", ["send bob"])


def _resume(url: str, file: Path, run: str, barrier: Any) -> None:
    async def main() -> None:
        model = ScriptedModel([[MAIL, A], "done"])
        async with Trip(file).agent(url, policy="supervised", model=model) as agent:
            barrier.wait(20)
            await agent.resume(run)

    asyncio.run(main())


async def test_two_processes_that_resume_at_once_are_one_effect(trip, url):
    async with trip.agent(url, policy="supervised", model=ScriptedModel([[MAIL, A], "done"])) as agent:
        run = await agent.run("tell bob")
        await run.waiting[0].approve(by="ann")
    barrier = FORK.Barrier(3)

    codes = await in_processes(*[(_resume, url, trip.file, run.id, barrier)] * 3)

    async with trip.agent(url, policy="supervised", model=ScriptedModel([[MAIL, A], "done"])) as agent:
        run = await agent.resume(run.id)
    assert codes == [0, 0, 0]
    assert (run.status, run.answer) == ("finished", "done")
    assert sorted(trip.lines) == ["book a", "send bob"]


async def test_two_tasks_that_resume_at_once_are_one_effect(trip):
    async with trip.agent(policy="supervised", model=ScriptedModel([MAIL, "done"])) as agent:
        run = await agent.run("tell bob")
        await run.waiting[0].approve(by="ann")

        runs = await asyncio.gather(*(agent.resume(run.id) for _ in range(4)))
        run = await agent.resume(run.id)

    assert trip.lines == ["send bob"]
    assert run.status == "finished"
    assert {one.status for one in runs} <= {"finished", "waiting"}


# Budgets --------------------------------------------------------------------------------------------------------


class Dear(ScriptedModel):
    """Ten tokens a turn, at one euro each."""

    def __init__(self, script: Any) -> None:
        super().__init__(script)
        self.price = Price(Decimal(1_000_000), Decimal(1_000_000))

    async def reply(self, conversation: Conversation, tools: Sequence[Any]) -> Reply:
        said = await super().reply(conversation, tools)
        await asyncio.sleep(0.02)
        return Reply(said.text, said.calls, Usage(6, 4))


@pytest.mark.parametrize(
    ("small", "large", "said"),
    [
        (Budget(model_calls=2), Budget(model_calls=3), "2 model calls; resume it with a larger Budget(model_calls="),
        (Budget(tool_calls=1), Budget(tool_calls=2), "1 tool calls; resume it with a larger Budget(tool_calls=...)"),
        (Budget(tokens=20), Budget(tokens=21), "20 tokens; resume it with a larger Budget(tokens=...)"),
        (Budget(money=Decimal(20)), Budget(money=Decimal(30)), "20 money; resume it with a larger Budget(money=...)"),
        (Budget(wall=timedelta(milliseconds=30)), Budget(wall=timedelta(minutes=1)), "Budget(wall=...)"),
    ],
)
async def test_at_its_limit_a_run_stops_and_goes_on_with_a_larger_one(trip, small, large, said):
    async with trip.agent(model=Dear([A, B, "done"]), budget=small) as agent:
        stopped = await agent.run("book")
        still = await agent.resume(stopped.id)
        run = await agent.resume(stopped.id, budget=large)

    assert (stopped.status, still.status) == ("stopped", "stopped")
    assert said in stopped.reason
    assert (run.status, run.answer) == ("finished", "done")
    assert trip.lines == ["book a", "book b"]


async def test_a_money_budget_needs_a_price(trip):
    model = ScriptedModel(["done"])
    model.price = None
    async with trip.agent(model=model, budget=Budget(money=Decimal(1))) as agent:
        with pytest.raises(UnknownPrice, match="price=Price"):
            await agent.run("book")

        assert await agent.journal.runs() == []


async def test_waiting_for_people_costs_no_time(trip):
    budget = Budget(wall=timedelta(milliseconds=500))
    async with trip.agent(policy="supervised", model=Dear([MAIL, "done"]), budget=budget) as agent:
        run = await agent.run("tell")
        await asyncio.sleep(0.6)
        await run.waiting[0].approve(by="ann")

        assert (await agent.resume(run.id)).status == "finished"


# Answers in a type ----------------------------------------------------------------------------------------------


class Booking(BaseModel):
    room: str
    nights: int


async def test_an_answer_in_a_type_is_validated(trip):
    async with trip.agent(model=ScriptedModel(['```json\n{"room": "a", "nights": 2}\n```']), output=Booking) as agent:
        assert (await agent.run("book")).answer == {"room": "a", "nights": 2}


async def test_an_answer_that_does_not_fit_is_sent_back_with_what_is_wrong(trip):
    seen: list[str] = []

    def mended(told: Conversation) -> str:
        seen.append(told.exchanges[-1].correction)
        return '{"room": "a", "nights": 2}'

    async with trip.agent(model=ScriptedModel(["It is booked!", mended]), output=Booking) as agent:
        run = await agent.run("book")

    assert (run.status, run.answer) == ("finished", {"room": "a", "nights": 2})
    assert "does not fit" in seen[0]


async def test_repairs_are_bounded_and_the_reason_is_given(trip):
    model = Counted(lambda told: '{"room": "a"}')
    async with trip.agent(model=model, output=Booking) as agent:
        run = await agent.run("book")

    assert (run.status, model.asked) == ("failed", 3)
    assert "no fitting answer after 2 repairs" in run.reason
    assert "nights: Field required" in run.reason


# Told on the way ------------------------------------------------------------------------------------------------


async def test_a_stream_tells_everything_in_order(trip):
    async with trip.agent(policy="supervised", model=ScriptedModel([[A, MAIL], "done"])) as agent:
        events = [event async for event in agent.stream("go")]
        run = await agent.resume(events[0].run)
        await run.waiting[0].approve(by="ann")
        rest = [event async for event in agent.stream(resume=run.id)]

    assert [type(event) for event in events] == [RunStarted, Replied, Started, Went, Went, RunPaused]
    assert [event.outcome.status for event in events if isinstance(event, Went)] == ["done", "waiting"]
    assert [type(event) for event in rest] == [RunStarted, Started, Went, Replied, RunEnded]
    assert rest[-1].answer == "done"


async def test_who_stops_listening_stops_the_run_and_can_take_it_up_again(trip):
    async with trip.agent(model=ScriptedModel([A, B, "done"])) as agent:
        listening = agent.stream("go")
        while not isinstance(event := await anext(listening), Went):
            pass
        await listening.aclose()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        run = await agent.resume(event.run)

    assert left == []
    assert (run.status, trip.lines) == ("finished", ["book a", "book b"])


async def test_a_stream_raises_what_the_run_raises(trip):
    async with trip.agent(model=ScriptedModel([])) as agent:
        with pytest.raises(DeveloperMistake, match="the script has 0 lines"):
            async for _ in agent.stream("go"):
                pass


# Models that fail -----------------------------------------------------------------------------------------------


class Flaky(ScriptedModel):
    down = True
    error: Exception = ModelUnavailable("503 overloaded")

    async def reply(self, conversation: Conversation, tools: Sequence[Any]) -> Reply:
        if self.down and conversation.exchanges:
            raise self.error
        return await super().reply(conversation, tools)


async def test_a_model_that_cannot_answer_stops_the_run_which_can_be_resumed(trip):
    model = Flaky([A, "done"])
    async with trip.agent(model=model) as agent:
        stopped = await agent.run("book")
        model.down = False
        run = await agent.resume(stopped.id)

    assert stopped.status == "stopped"
    assert stopped.reason == "503 overloaded"
    assert (run.status, trip.lines) == ("finished", ["book a"])


async def test_a_model_that_breaks_is_raised_and_the_run_can_be_resumed(trip):
    model = Flaky([A, "done"])
    model.error = ZeroDivisionError("a bug in the model")
    async with trip.agent(model=model) as agent:
        with pytest.raises(ZeroDivisionError):
            await agent.run("book")
        (stopped,) = await agent.journal.runs()
        model.down = False
        run = await agent.resume(stopped.id)

    assert (stopped.status, stopped.reason) == ("stopped", "ZeroDivisionError: a bug in the model")
    assert (run.status, trip.lines) == ("finished", ["book a"])


async def test_a_mistake_of_the_program_is_raised_and_the_run_is_not_left_running(trip):
    async with trip.agent(model=ScriptedModel([A])) as agent:
        with pytest.raises(DeveloperMistake, match="the script has 1 lines"):
            await agent.run("book")

        (run,) = await agent.journal.runs()
        assert run.status == "stopped"
        assert "the script has 1 lines" in run.reason


async def test_a_model_that_repeats_itself_makes_two_actions(trip):
    async with trip.agent(model=ScriptedModel([MAIL, MAIL, "done"])) as agent:
        await agent.run("tell twice")

    assert trip.lines == ["send bob", "send bob"]


async def test_calls_with_the_same_id_of_the_model_stay_apart(trip):
    calls = tuple(ProposedCall("room.book", {"room": room}, "same") for room in ("a", "b"))
    async with trip.agent(model=ScriptedModel([Reply("", calls), "done"])) as agent:
        await agent.run("book")

    assert trip.lines == ["book a", "book b"]


async def test_an_agent_without_a_model_has_no_goals(trip):
    async with trip.agent() as agent:
        assert isinstance(agent, Agent)
        with pytest.raises(DeveloperMistake, match="no model"):
            await agent.run("book")
