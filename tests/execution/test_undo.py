"""Taking back: what the plan promises, what it does, and how honestly it ends."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from agentkit import Agent, ScriptedModel
from agentkit.errors import ConsentRefused, DeveloperMistake, NotFound
from agentkit.execution import undo as undoing
from agentkit.execution.undo import approve
from agentkit.policy.packs import PolicyText
from tests.conftest import Clock
from tests.execution.trip import Trip, book_and_undo_and_die, do, script
from tests.execution.world import really_now
from tests.journal.processes import in_a_process

A, B = do("room.book", room="a"), do("room.book", room="b")


@pytest.fixture
def trip(tmp_path: Path) -> Trip:
    return Trip(tmp_path / "world")


async def undo(agent: Agent, target: str = "trip") -> Any:
    return await (await agent.undo_plan(target)).carry_out(by="ann")


def notes(run: Any, heading: str) -> list[str]:
    return [line["note"] for line in run.answer[heading]]


async def test_what_can_be_restored_is_restored_newest_first(trip):
    async with trip.agent() as agent:
        await script(agent, A, B)

        plan = await agent.undo_plan("trip")
        before = list(trip.lines)
        ended = await plan.carry_out(by="ann")

        assert [step.arguments for step in plan.restores] == [{"room": "b"}, {"room": "a"}]
        assert (plan.compensates, plan.cannot, plan.unsettled) == ([], [], [])
        assert before == ["book a", "book b"]
        assert trip.lines == ["book a", "book b", "release b", "release a"]
        assert ended.status == "rolled_back"
        assert (await agent.journal.run("trip")).status == "rolled_back"


async def test_a_compensation_shows_its_price_and_pays_no_more(trip):
    async with trip.agent() as agent:
        await script(agent, do("flight.buy", to="oslo"))

        plan = await agent.undo_plan("trip")
        trip.cost = "99.00"
        ended = await plan.carry_out(by="ann")

        (step,) = plan.compensates
        assert step.cost is not None
        assert (step.cost["cost"], step.cost["currency"], step.note) == ("12.50", "EUR", "90 % back")
        assert trip.lines[-1].endswith("for 12.50")
        assert ended.status == "rolled_back_with_residue"
        assert notes(ended, "residue") == ["cost 12.50 EUR"]


async def test_a_compensation_that_costs_nothing_leaves_nothing(trip):
    trip.cost = "0.00"
    async with trip.agent() as agent:
        await script(agent, do("flight.buy", to="oslo"))

        assert (await undo(agent)).status == "rolled_back"


async def test_a_compensation_without_a_quote_is_not_called_free(trip):
    trip.cost = "unknown"
    async with trip.agent() as agent:
        await script(agent, do("flight.buy", to="oslo"))

        plan = await agent.undo_plan("trip")
        ended = await plan.carry_out(by="ann")

        assert "at any price: no quote (the airline is closed)" in plan.compensates[0].note
        assert ended.status == "rolled_back_with_residue"


async def test_what_is_kept_back_is_cancelled_and_never_goes_out(trip):
    async with trip.agent() as agent:
        (held,) = await script(agent, do("mail.later", to="bob"))

        ended = await undo(agent)
        after = await agent.advance(held)

        assert ended.status == "rolled_back"
        assert after.status == "refused"
        assert trip.lines == []


async def test_what_waits_for_a_person_is_cancelled_and_can_no_longer_be_approved(trip):
    async with trip.agent(policy="supervised") as agent:
        await agent.act(do("mail.send", to="bob"), run="trip")
        (question,) = await agent.waiting()

        ended = await undo(agent)

        assert ended.status == "rolled_back"
        with pytest.raises(ConsentRefused):
            await question.approve(by="ann")
        assert trip.lines == []


async def test_what_nothing_takes_back_is_said_before_and_after(trip):
    async with trip.agent() as agent:
        await script(agent, A, do("mail.send", to="bob"))

        plan = await agent.undo_plan("trip")
        ended = await plan.carry_out(by="ann")

        assert [step.tool for step in plan.cannot] == ["mail.send"]
        assert ended.status == "rolled_back_with_residue"
        assert [line["tool"] for line in ended.answer["residue"]] == ["mail.send"]
        assert trip.lines == ["book a", "send bob", "release a"]


async def test_a_doubt_is_stuck_until_it_is_settled(trip):
    trip.doubtful = {"send bob"}
    async with trip.agent() as agent:
        _, mail = await script(agent, A, do("mail.send", to="bob"))

        plan = await agent.undo_plan("trip")
        ended = await plan.carry_out(by="ann")

        assert [step.action for step in plan.unsettled] == [mail]
        assert ended.status == "stuck"
        assert notes(ended, "stuck") == ["it is in doubt: settle it first"]
        assert trip.lines[-1] == "release a"


async def test_a_doubt_that_turned_out_to_be_nothing_needs_no_undo(trip):
    trip.doubtful = {"send bob"}
    async with trip.agent() as agent:
        (mail,) = await script(agent, do("mail.send", to="bob"))
        await agent.settle(mail, happened=False, by="ann")

        assert (await agent.undo_plan("trip")).steps == []
        assert (await undo(agent)).status == "rolled_back"


async def test_reads_failures_and_refusals_need_no_undo(trip):
    trip.fails = {"book b"}
    async with trip.agent() as agent:
        await script(agent, do("room.look", room="a"), B, do("room.nothing", x="y"))

        assert (await agent.undo_plan("trip")).steps == []


async def test_independent_branches_go_on_past_a_failure(trip):
    trip.fails = {"release b"}
    async with trip.agent() as agent:
        await script(agent, A, B, do("room.book", room="c"))

        ended = await undo(agent)

        assert trip.lines[3:] == ["release c", "release a"]
        assert ended.status == "stuck"
        assert notes(ended, "stuck") == ["cannot release b"]
        assert (await agent.journal.run("trip")).status == "stuck"


async def test_what_builds_on_something_goes_before_it(trip):
    async with trip.agent() as agent:
        await script(agent, A, do("room.decorate", uuid="uuid-of-a"))

        await undo(agent)

        assert trip.lines[2:] == ["strip uuid-of-a", "release a"]


@pytest.mark.parametrize("why", ["it fails", "it cannot"])
async def test_what_something_still_stands_on_is_not_taken_away(trip, why):
    trip.fails = {"strip uuid-of-a"}
    dependent = "room.decorate" if why == "it fails" else "room.paint"
    async with trip.agent() as agent:
        _, second = await script(agent, A, do(dependent, uuid="uuid-of-a"))

        ended = await undo(agent)

        assert "release a" not in trip.lines
        assert ended.status == "stuck"
        assert f"{second} was built on it and still stands" in notes(ended, "stuck")


async def test_undoing_one_action_takes_what_was_built_on_it_and_nothing_else(trip):
    async with trip.agent() as agent:
        first, *_ = await script(agent, A, B, do("room.decorate", uuid="uuid-of-a"), do("room.look", room="a"))

        ended = await undo(agent, first)

        assert trip.lines[3:] == ["strip uuid-of-a", "release a"]
        assert ended.status == "rolled_back"


async def test_undoing_one_action_does_not_call_its_whole_run_rolled_back(trip):
    async with trip.agent() as agent:
        first, _ = await script(agent, A, B)

        await undo(agent, first)

        assert (await agent.journal.run("trip")).status == "finished"
        assert (await agent.act(do("room.book", room="c"), run="trip")).status == "done"
        assert [step.arguments for step in (await agent.undo_plan("trip")).steps] == [{"room": "c"}, {"room": "b"}]


async def test_a_run_goes_on_after_one_of_its_actions_was_taken_back(trip):
    model = ScriptedModel([A, do("mail.send", to="bob"), "told bob"])
    async with trip.agent(policy="supervised", model=model) as agent:
        run = await agent.run("book and tell bob")
        await undo(agent, run.steps[0].id)
        await run.waiting[0].approve(by="ann")

        run = await agent.resume(run.id)

        assert (run.status, run.answer) == ("finished", "told bob")
        assert trip.lines == ["book a", "release a", "send bob"]


async def test_a_run_that_is_taken_back_does_not_go_on(trip):
    model = ScriptedModel([A, do("mail.send", to="bob"), "told bob"])
    async with trip.agent(policy="supervised", model=model) as agent:
        run = await agent.run("book and tell bob")
        plan = await agent.undo_plan(run.id)
        await undoing.approve(plan.id, "ann", plan.digest, agent.journal)

        run = await agent.resume(run.id)

        assert run.status == "waiting"
        assert trip.lines == ["book a"]


async def test_a_name_that_looks_like_an_action_is_still_a_run(trip):
    async with trip.agent() as agent:
        await script(agent, A, run="a-trip")

        assert (await undo(agent, "a-trip")).status == "rolled_back"


@pytest.mark.parametrize("target", ["r-nothing", "a-nothing"])
async def test_what_is_not_there_cannot_be_undone(trip, target):
    async with trip.agent() as agent:
        with pytest.raises(NotFound):
            await agent.undo_plan(target)


async def test_an_undo_is_not_undone(trip):
    async with trip.agent() as agent:
        await script(agent, A)
        ended = await undo(agent)

        with pytest.raises(NotFound, match="itself an undo"):
            await agent.undo_plan(ended.id)


# Agreeing to it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["agent:desk", "", "  "])
async def test_only_a_person_agrees_to_an_undo(trip, by):
    async with trip.agent() as agent:
        await script(agent, A)

        with pytest.raises(ConsentRefused):
            await (await agent.undo_plan("trip")).carry_out(by=by)

        assert trip.lines == ["book a"]


async def test_an_agreement_holds_for_just_the_plan_that_was_shown(trip):
    async with trip.agent() as agent:
        await script(agent, A, do("flight.buy", to="oslo"))
        plan = await agent.undo_plan("trip")
        forged = dataclasses.replace(plan, steps=plan.steps[:1])

        with pytest.raises(ConsentRefused, match="not the one"):
            await forged.carry_out(by="ann")

        assert trip.lines == ["book a", "buy oslo"]


async def test_resuming_an_undo_that_nobody_agreed_to_does_nothing(trip):
    async with trip.agent() as agent:
        await script(agent, A)
        plan = await agent.undo_plan("trip")

        run = await agent.resume(plan.id)

        assert run.status == "waiting"
        assert trip.lines == ["book a"]


async def test_the_plans_approval_is_enough_for_a_policy_that_asks(trip):
    async with trip.agent(policy="supervised") as agent:
        await script(agent, A)

        ended = await undo(agent)

        assert ended.status == "rolled_back"
        assert trip.lines == ["book a", "release a"]


async def test_a_policy_that_forbids_undoing_is_obeyed(trip, url):
    never = "permit (principal, action, resource); forbid (principal, action, resource) when { context.undoes };"
    async with trip.agent(url) as agent:
        await script(agent, A)
    async with trip.agent(url, policy=PolicyText("never", never)) as agent:
        ended = await undo(agent)

        assert ended.status == "stuck"
        assert trip.lines == ["book a"]


# More than once -------------------------------------------------------------------------------------------------


async def test_carrying_out_a_plan_twice_is_one_undo(trip):
    async with trip.agent() as agent:
        await script(agent, A)
        plan = await agent.undo_plan("trip")

        first = await plan.carry_out(by="ann")
        second = await plan.carry_out(by="bob")

        assert (first.status, second.status) == ("rolled_back", "rolled_back")
        assert trip.lines == ["book a", "release a"]


async def test_two_plans_for_the_same_run_are_one_undo(trip):
    async with trip.agent() as agent:
        await script(agent, A)
        one, two = await agent.undo_plan("trip"), await agent.undo_plan("trip")

        first = await one.carry_out(by="ann")
        second = await two.carry_out(by="ann")

        assert (first.status, second.status) == ("rolled_back", "rolled_back")
        assert trip.lines == ["book a", "release a"]


async def test_two_plans_at_once_are_one_undo(trip):
    async with trip.agent() as agent:
        await script(agent, A, B)
        plans = [await agent.undo_plan("trip") for _ in range(3)]

        await asyncio.gather(*(plan.carry_out(by="ann") for plan in plans))
        ended = [await agent.resume(plan.id) for plan in plans]

        assert sorted(trip.lines) == ["book a", "book b", "release a", "release b"]
        assert {run.status for run in ended} == {"rolled_back"}


async def test_a_plan_made_after_the_undo_has_nothing_left_to_do(trip):
    async with trip.agent() as agent:
        await script(agent, A)
        await undo(agent)

        assert (await agent.undo_plan("trip")).steps == []


async def test_what_came_after_the_plan_was_made_is_not_swept_under_it(trip):
    async with trip.agent() as agent:
        await script(agent, A)
        plan = await agent.undo_plan("trip")
        await script(agent, B)

        ended = await plan.carry_out(by="ann")

        assert ended.status == "stuck"
        assert notes(ended, "stuck") == ["came after the plan was made; plan the undo again"]
        assert (await undo(agent)).status == "rolled_back"
        assert trip.lines == ["book a", "book b", "release a", "release b"]


async def test_what_was_built_on_it_after_the_plan_was_made_blocks(trip):
    async with trip.agent() as agent:
        first, *_ = await script(agent, A)
        plan = await agent.undo_plan(first)
        await script(agent, do("room.decorate", uuid="uuid-of-a"))

        ended = await plan.carry_out(by="ann")

        assert ended.status == "stuck"
        assert "release a" not in trip.lines


async def test_what_was_released_meanwhile_is_not_called_cancelled(trip):
    async with trip.agent() as agent:
        clock = agent.journal.clock = Clock(really_now())
        (held,) = await script(agent, do("mail.later", to="bob"))
        plan = await agent.undo_plan("trip")
        clock.turn(hours=1, seconds=1)
        await agent.advance(held)

        ended = await plan.carry_out(by="ann")

        assert trip.lines == ["later bob"]
        assert ended.status == "stuck"
        assert notes(ended, "stuck") == ["it is done by now; plan the undo again"]


@pytest.mark.parametrize("dies_at", ["release c", "release b", "release a"])
async def test_an_undo_that_dies_in_the_middle_is_taken_up_where_it_was(trip, url, dies_at):
    code = await in_a_process(book_and_undo_and_die, url, trip.file, dies_at)
    async with trip.agent(url) as agent:
        (dead,) = await agent.journal.runs(kind="undo")

        ended = await agent.resume(dead.id)

        assert code == 9
        assert ended.status == "rolled_back"
        assert trip.lines[3:] == ["release c", "release b", "release a"]


async def test_a_lost_acknowledgement_in_an_undo_is_made_good_like_any_other(trip):
    trip.doubtful = {"release a"}
    async with trip.agent() as agent:
        await script(agent, A)

        ended = await undo(agent)

        assert ended.status == "rolled_back"
        assert trip.lines == ["book a", "release a"]


async def test_nothing_more_happens_in_a_run_that_is_being_taken_back(trip):
    async with trip.agent() as agent:
        _, held = await script(agent, A, do("mail.later", to="bob"))
        plan = await agent.undo_plan("trip")
        await approve(plan.id, "ann", plan.digest, agent.journal)

        with pytest.raises(DeveloperMistake, match="was taken back by u-"):
            await agent.act(do("room.book", room="later"), run="trip")
        outcome = await agent.advance(held)

        assert outcome.status == "refused"
        assert "is being taken back by u-" in outcome.reason
        assert trip.lines == ["book a"]


async def test_an_action_of_an_undo_cannot_be_undone(trip):
    async with trip.agent() as agent:
        await script(agent, A)
        ended = await undo(agent)

        with pytest.raises(NotFound, match="is itself an undo"):
            await agent.undo_plan(ended.steps[-1].id)


async def test_a_script_that_was_taken_back_is_not_replayed_as_if_it_stood(trip, url):
    async with trip.agent(url) as agent:
        await script(agent, A)
        await undo(agent)
    async with trip.agent(url) as agent:
        with pytest.raises(DeveloperMistake, match="choose another name"):
            await agent.act(A, run="trip")
        assert (await agent.journal.run("trip")).status == "rolled_back"
