"""What was there before an effect: kept durably, the first of all attempts, and given to the inverse."""

import asyncio
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentkit import Agent, Effect, ExactInverse, Idempotent, ScriptedModel, ToolContext, ToolFailed, tool
from agentkit.call import Proposal
from agentkit.effects import Checkable, Compensable, Delayable, Quote, ReadOnly
from agentkit.errors import ToolPartial
from tests.conftest import Clock
from tests.journal.processes import in_a_process


class Shelf:
    """One value in a file, and the tools that set and restore it."""

    def __init__(self, file: Path, dies: bool = False) -> None:
        self.file = file
        self.restore = tool("shelf.restore", repeat=Idempotent())(self._restore)
        self.set = tool("shelf.set", repeat=Idempotent(), undo=ExactInverse(self._inverse))(self._set)
        self._dies = dies
        self.kept: list[Any] = []

    def value(self) -> str:
        return self.file.read_text() if self.file.exists() else "empty"

    async def _set(self, ctx: ToolContext, to: str) -> str:
        """Put something on the shelf."""
        self.kept.append(await ctx.point_of_no_return(before=self.value()))
        self.file.write_text(to)
        if self._dies:
            os._exit(9)
        return to

    async def _restore(self, ctx: ToolContext, old: str, written: str) -> str:
        """Put back what was there, unless somebody has changed it since."""
        if self.value() not in (old, written):
            raise ToolFailed("somebody has changed the shelf since")
        self.file.write_text(old)
        return old

    def _inverse(self, effect: Effect[str]) -> Proposal[str] | None:
        return None if effect.before is None else self.restore(old=effect.before, written=effect.arguments["to"])

    def agent(self, url: str) -> Agent:
        return Agent(ScriptedModel([]), tools=[self.set, self.restore], policy="unsafe_allow_all", journal=url)


def set_and_die(url: str, file: Path) -> None:
    async def main() -> None:
        shelf = Shelf(file, dies=True)
        async with shelf.agent(url) as agent:
            await agent.act(shelf.set(to="ours"), run="act")

    asyncio.run(main())


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "shelf")


async def test_undo_restores_what_was_there(shelf, url):
    shelf.file.write_text("theirs")
    async with shelf.agent(url) as agent:
        await agent.act(shelf.set(to="ours"), run="act")

        undone = await (await agent.undo_plan("act")).carry_out(by="ann")

    assert (undone.status, shelf.value()) == ("rolled_back", "theirs")


async def test_what_the_first_attempt_found_is_kept_when_the_second_finds_its_own_effect(shelf, url):
    shelf.file.write_text("theirs")
    assert await in_a_process(set_and_die, url, shelf.file) == 9
    async with shelf.agent(url) as agent:
        await agent.resume("act")
        undone = await (await agent.undo_plan("act")).carry_out(by="ann")

    assert shelf.kept == ["theirs"]
    assert (undone.status, shelf.value()) == ("rolled_back", "theirs")


async def test_what_was_there_is_in_the_journal_before_the_effect(shelf, url):
    assert await in_a_process(set_and_die, url, shelf.file) == 9
    async with shelf.agent(url) as agent:
        (action,) = await agent.journal.actions("act")

    assert (action.state, action.before) == ("started", "empty")
    assert action.inverse == {"tool": "shelf.restore", "arguments": {"old": "empty", "written": "ours"}}


async def test_somebody_elses_change_is_not_overwritten(shelf, url):
    async with shelf.agent(url) as agent:
        await agent.act(shelf.set(to="ours"), run="act")
        shelf.file.write_text("theirs")

        undone = await (await agent.undo_plan("act")).carry_out(by="ann")

    assert (undone.status, shelf.value()) == ("stuck", "theirs")


async def test_outside_the_road_a_tool_is_given_back_what_it_gave(shelf):
    assert json.dumps(await ToolContext("r", "a", "k", None).point_of_no_return(before=[1])) == "[1]"  # pyright: ignore


# A way back that ends ---------------------------------------------------------------------------------------------


async def test_what_can_be_taken_back_for_a_while_only_cannot_be_later(url):
    @tool("bell.unring", repeat=Idempotent())
    async def unring(ctx: ToolContext) -> str:
        return "silence"

    @tool("bell.ring", repeat=Idempotent(), undo=ExactInverse(lambda _: unring(), within=timedelta(minutes=1)))
    async def ring(ctx: ToolContext) -> str:
        return "ding"

    clock = Clock()
    async with Agent(tools=[ring, unring], policy="unsafe_allow_all", journal=url) as agent:
        agent.journal.clock = clock
        await agent.act(ring(), run="act")
        soon = await agent.undo_plan("act")
        clock.turn(minutes=2)
        late = await agent.undo_plan("act")

    assert [step.tool for step in soon.restores] == ["bell.ring"]
    assert [step.note for step in late.cannot] == ["the time in which it could be taken back is over"]


async def test_a_quote_may_say_that_it_is_too_late(url):
    @tool("room.quote", repeat=ReadOnly())
    async def quote(ctx: ToolContext) -> Quote:
        return Quote(None, "EUR", note="the cut-off was yesterday")

    @tool("room.cancel", repeat=Idempotent())
    async def cancel(ctx: ToolContext) -> str:
        return "cancelled"

    @tool("room.book", repeat=Idempotent(), undo=Compensable(lambda _: cancel(), lambda _: quote()))
    async def book(ctx: ToolContext) -> str:
        return "booked"

    async with Agent(tools=[book, cancel, quote], policy="unsafe_allow_all", journal=url) as agent:
        await agent.act(book(), run="act")
        plan = await agent.undo_plan("act")

    assert [step.note for step in plan.cannot] == ["the cut-off was yesterday"]
    assert plan.compensates == []


# Withdrawing, and finding a part -----------------------------------------------------------------------------------


@tool("post.send", repeat=Idempotent(), undo=Delayable(timedelta(minutes=2)))
async def send(ctx: ToolContext) -> str:
    raise AssertionError("it was to be recalled")


@tool("post.recall", repeat=Idempotent())
async def recall(ctx: ToolContext, action: str) -> bool:
    return await ctx.withdraw(action)


async def test_a_tool_can_take_back_what_the_same_run_holds(url):
    async with Agent(tools=[send, recall], policy="unsafe_allow_all", journal=url) as agent:
        held = await agent.act(send(), run="act")
        (action,) = await agent.journal.actions("act")

        first, second = [await agent.act(recall(action=action.id), run="act") for _ in range(2)]
        after = await agent.journal.action(action.id)

    assert held.status == "held"
    assert action.id in held.reason
    assert (first.value, second.value, after.state) == (True, False, "refused")


async def test_a_tool_cannot_take_back_what_another_run_holds(url):
    async with Agent(tools=[send, recall], policy="unsafe_allow_all", journal=url) as agent:
        await agent.act(send(), run="act")
        (action,) = await agent.journal.actions("act")

        outcome = await agent.act(recall(action=action.id), run="another")

        assert (outcome.status, (await agent.journal.action(action.id)).state) == ("failed", "held")


async def test_a_probe_that_finds_only_a_part_says_so(url):
    async def probe(ctx: ToolContext) -> str:
        raise ToolPartial("carol was refused", "ann")

    @tool("post.send_many", repeat=Checkable(probe, timedelta(0)))
    async def send_many(ctx: ToolContext) -> str:
        raise ConnectionResetError("reset by peer")

    async with Agent(tools=[send_many], policy="unsafe_allow_all", journal=url) as agent:
        outcome = await agent.act(send_many())

    assert (outcome.status, outcome.reason, outcome.value) == ("partial", "carol was refused", "ann")


# An inverse that has nothing to say, or cannot say it ---------------------------------------------------------------


async def test_after_the_effect_an_inverse_can_say_that_nothing_has_to_be_restored(shelf, url):
    def only_if_it_was_ours(effect: Effect[str]) -> Proposal[str] | None:
        gone = effect.before is None or effect.result == "somebody else did it"
        return None if gone else shelf.restore(old=effect.before, written="empty")

    @tool("shelf.clear", repeat=Idempotent(), undo=ExactInverse(only_if_it_was_ours))
    async def clear(ctx: ToolContext) -> str:
        await ctx.point_of_no_return(before=shelf.value())
        return "somebody else did it"

    async with Agent(tools=[clear, shelf.restore], policy="unsafe_allow_all", journal=url) as agent:
        await agent.act(clear(), run="act")
        plan = await agent.undo_plan("act")

    assert plan.steps == []


def _fails(effect: Effect[str]) -> Proposal[str]:
    raise ZeroDivisionError


async def test_what_cannot_say_how_it_is_taken_back_is_refused_before_anything_happens(url):
    @tool("year.open", repeat=Idempotent(), undo=ExactInverse(_fails))
    async def open_year(ctx: ToolContext) -> str:
        raise AssertionError("it must not begin")

    async with Agent(tools=[open_year], policy="unsafe_allow_all", journal=url) as agent:
        outcome = await agent.act(open_year(), run="act")
        again = await agent.resume("act")

    assert outcome.status == "refused"
    assert "ZeroDivisionError" in outcome.reason
    assert again.status == "finished"


async def test_a_recall_whose_answer_was_lost_is_true_again(url):
    @tool("post.recall_twice", repeat=Idempotent())
    async def recall_twice(ctx: ToolContext, action: str) -> list[bool]:
        return [await ctx.withdraw(action), await ctx.withdraw(action)]

    async with Agent(tools=[send, recall_twice], policy="unsafe_allow_all", journal=url) as agent:
        await agent.act(send(), run="act")
        (held,) = await agent.journal.actions("act")

        outcome = await agent.act(recall_twice(action=held.id), run="act")

    assert outcome.value == [True, True]
