"""The process is gone in the middle of an action: what each declaration makes of it. The processes are real."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agentkit.call import Proposal
from agentkit.effects import ExactInverse
from agentkit.execution.barrier import decide
from agentkit.execution.intent import intent_of
from agentkit.journal.journal import Journal
from tests.conftest import Clock
from tests.execution.world import LANDS, Hand, World, act, call, perform_in_a_process_that_dies, really_now, road
from tests.journal.processes import in_a_process

AT_ONCE = ["read_only", "idempotent", "keyed", "marked_blind", "marked_findable"]
EVERY_KIND = [*AT_ONCE, "checkable", "findable", "blind"]


async def left_behind(url: str, world: World, kind: str, fault: str) -> Journal:
    """The journal, as it is after a process died in the tool."""
    code = await in_a_process(perform_in_a_process_that_dies, url, world.file, kind, fault)
    assert code == 9
    journal = Journal.open(url, create=False)
    journal.clock = Clock(really_now())
    return journal


async def later(journal: Journal, by: timedelta) -> None:
    assert isinstance(journal.clock, Clock)
    journal.clock.now += by


@pytest.mark.parametrize("kind", AT_ONCE)
async def test_a_death_before_the_effect_is_made_good_at_once(url, world, kind):
    journal = await left_behind(url, world, kind, "dies_before")
    hand = Hand(world)

    outcome = await act(road(journal, [hand.tool(kind)]))

    assert (outcome.status, hand.calls) == ("done", 1)
    assert world.times == (0 if kind == "read_only" else 1)
    await journal.close()


@pytest.mark.parametrize("kind", ["idempotent", "keyed"])
async def test_a_death_after_the_effect_is_made_good_by_the_same_bytes_and_key(url, world, kind):
    journal = await left_behind(url, world, kind, "dies_after")
    hand = Hand(world)

    outcome = await act(road(journal, [hand.tool(kind)]))

    assert (outcome.status, hand.calls) == ("done", 1)
    assert world.keys() == hand.keys
    await journal.close()


async def test_a_key_that_the_server_has_forgotten_is_not_sent_again(url, world):
    journal = await left_behind(url, world, "keyed", "dies_after")
    hand = Hand(world)
    await later(journal, timedelta(hours=1))

    outcome = await act(road(journal, [hand.tool("keyed", retention=timedelta(hours=1))]))

    assert (outcome.status, hand.calls) == ("in_doubt", 0)
    assert "forgets keys after 1:00:00" in outcome.reason
    await journal.close()


@pytest.mark.parametrize("kind", ["checkable", "findable", "marked_findable"])
async def test_what_a_dead_process_did_is_found_and_not_done_again(url, world, kind):
    journal = await left_behind(url, world, kind, "dies_after")
    hand = Hand(world)

    outcome = await act(road(journal, [hand.tool(kind)]))

    assert (outcome.status, outcome.result, hand.calls) == ("done", "found it", 0)
    assert world.times == 1
    await journal.close()


async def test_what_a_dead_process_did_not_do_is_done_when_nothing_can_land_any_more(url, world):
    journal = await left_behind(url, world, "checkable", "dies_before")
    hand = Hand(world)
    tools = [hand.tool("checkable")]

    early = await act(road(journal, tools))
    early_calls = hand.calls
    await later(journal, LANDS + timedelta(seconds=1))
    outcome = await act(road(journal, tools))

    assert (early.status, early_calls) == ("unsettled", 0)
    assert (outcome.status, world.times) == ("done", 1)
    await journal.close()


async def test_what_a_dead_process_sent_may_land_late_and_is_still_not_doubled(url, world):
    journal = await left_behind(url, world, "checkable", "dies_before")
    hand = Hand(world)
    tools = [hand.tool("checkable")]

    await act(road(journal, tools))
    world.happen((await journal.actions("r-1"))[0].key or "")
    await later(journal, LANDS + timedelta(seconds=1))
    outcome = await act(road(journal, tools))

    assert (outcome.status, hand.calls, world.times) == ("done", 0, 1)
    await journal.close()


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("blind", "dies_before"),
        ("blind", "dies_after"),
        ("marked_blind", "dies_at_the_mark"),
        ("marked_blind", "dies_after"),
        ("findable", "dies_before"),
        ("marked_findable", "dies_at_the_mark"),
    ],
)
async def test_what_only_a_person_can_tell_is_asked_and_never_done_again(url, world, kind, fault):
    journal = await left_behind(url, world, kind, fault)
    hand = Hand(world)
    await later(journal, LANDS + timedelta(minutes=2))

    outcome = await act(road(journal, [hand.tool(kind)]))

    assert (outcome.status, hand.calls) == ("in_doubt", 0)
    assert world.times == (1 if fault == "dies_after" else 0)
    assert [question.kind for question in await journal.open_questions()] == ["settle"]
    await journal.close()


@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize("fault", ["dies_before", "dies_at_the_mark", "dies_after"])
async def test_an_effect_happens_at_most_once_wherever_the_process_dies(url, world, kind, fault):
    journal = await left_behind(url, world, kind, fault)
    hand = Hand(world)
    tools = [hand.tool(kind)]

    for _ in range(3):
        await act(road(journal, tools))
        await later(journal, timedelta(minutes=10))

    assert world.times <= 1
    assert (await journal.actions("r-1"))[0].state in ("done", "in_doubt")
    await journal.close()


async def test_what_was_sent_before_the_crash_is_not_called_refused_because_the_rules_changed(url, world):
    journal = await left_behind(url, world, "findable", "dies_after")
    hand = Hand(world)

    outcome = await act(road(journal, [hand.tool("findable")], "read_only"))

    assert outcome.status == "done"
    assert await act(road(journal, [hand.tool("findable")], "read_only")) == outcome
    await journal.close()


async def test_a_secret_that_changed_since_does_not_change_the_key(url, world):
    journal = await left_behind(url, world, "keyed", "dies_after")
    hand = Hand(world)
    before = (await journal.actions("r-1"))[0]

    outcome = await act(replace(road(journal, [hand.tool("keyed")]), secret=b"quite another secret"))

    assert outcome.status == "done"
    assert hand.keys == [before.key]
    assert world.times == 1
    await journal.close()


async def test_how_to_take_it_back_speaks_of_the_key_it_was_sent_with_whatever_changed_since(url, world):
    journal = await left_behind(url, world, "keyed", "dies_after")
    hand = Hand(world, faults=["lost", "lost", "lost"])
    undo = ExactInverse(lambda done: Proposal("world.act", {"what": done.key}))

    outcome = await act(replace(road(journal, [hand.tool("keyed", undo)]), secret=b"quite another secret"))

    record = (await journal.actions("r-1"))[0]
    assert outcome.status == "unsettled"
    assert record.inverse == {"tool": "world.act", "arguments": {"what": record.key}}
    await journal.close()


@pytest.mark.parametrize(("before", "now"), [("blind", "keyed"), ("blind", "marked_blind"), ("keyed", "keyed")])
async def test_an_attempt_is_not_judged_by_what_the_tool_says_today(url, world, before, now):
    journal = await left_behind(url, world, before, "dies_after")
    hand = Hand(world)

    outcome = await act(road(journal, [hand.tool(now, version="2")]))

    assert (outcome.status, world.times) == ("in_doubt", 1)
    await journal.close()


async def test_a_worker_that_lives_keeps_what_it_has_claimed(memory, clock):
    """Its lease may have time left although it is silent."""
    hand = Hand(World(Path("/nonexistent")), faults=["broken"])
    first, second = road(memory, [hand.tool("blind")]), road(memory, [hand.tool("blind")])
    action = first.toolbox.validate(call())
    decision = await decide(action, None, first)
    await memory.claim(call(), action, decision, intent_of(action, first), first.owner)

    early = await act(second)
    clock.turn(seconds=30)
    late = await act(second)

    assert (early.status, early.until) == ("claimed", clock())
    assert (late.status, hand.calls) == ("in_doubt", 0)
