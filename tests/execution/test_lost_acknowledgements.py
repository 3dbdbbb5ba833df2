"""The attempt is over and its acknowledgement is lost: what each declaration makes of it."""

from datetime import timedelta

import pytest

from agentkit.action import Outcome
from tests.execution.world import LANDS, act, road

HOUR = timedelta(hours=1)


async def test_a_read_is_tried_again(memory, hand):
    hand.faults = ["broken", "broken"]

    outcome = await act(road(memory, [hand.tool("read_only")]))

    assert (outcome.status, outcome.result, hand.calls) == ("done", "done it", 3)


async def test_a_read_that_keeps_failing_has_failed_since_it_has_no_effect(memory, hand):
    hand.faults = ["broken"] * 3

    outcome = await act(road(memory, [hand.tool("read_only")]))

    assert (outcome.status, outcome.reason) == ("failed", "ConnectionResetError: reset by peer")


@pytest.mark.parametrize("kind", ["idempotent", "keyed"])
async def test_what_is_safe_to_repeat_is_repeated_with_the_same_key(memory, hand, world, kind):
    hand.faults = ["lost", "broken"]

    outcome = await act(road(memory, [hand.tool(kind)]))

    assert (outcome.status, hand.calls, world.times) == ("done", 3, 1)
    assert len(set(hand.keys)) == 1
    assert hand.keys[0] == (await memory.actions("r-1"))[0].key


@pytest.mark.parametrize("kind", ["idempotent", "keyed"])
async def test_what_is_safe_to_repeat_is_repeated_later_when_three_times_did_not_help(memory, hand, world, clock, kind):
    hand.faults = ["lost", "broken", "broken"]
    tools = [hand.tool(kind)]

    first = await act(road(memory, tools))
    too_early = await act(road(memory, tools))
    clock.now = first.until
    second = await act(road(memory, tools))

    assert (first.status, too_early.status, second.status) == ("unsettled", "unsettled", "done")
    assert world.times == 1
    assert len(set(hand.keys)) == 1


async def test_a_later_refusal_does_not_prove_that_the_first_attempt_did_nothing(memory, hand, world):
    hand.faults = ["lost", "failed", "failed", "failed"]

    outcome = await act(road(memory, [hand.tool("keyed")]))

    assert world.times == 1
    assert outcome.status == "unsettled"


@pytest.mark.parametrize("kind", ["idempotent", "keyed"])
async def test_after_many_deaths_a_person_looks_at_it(memory, hand, clock, kind):
    hand.faults = ["broken"] * 30
    tools = [hand.tool(kind)]

    outcomes: list[Outcome] = []
    while not outcomes or not outcomes[-1].final:
        outcomes.append(await act(road(memory, tools)))
        clock.turn(minutes=1)
        assert len(outcomes) < 20

    assert outcomes[-1].status == "in_doubt"
    assert hand.calls == 15


@pytest.mark.parametrize("kind", ["checkable", "findable", "marked_findable"])
async def test_what_is_found_was_done_and_is_not_done_again(memory, hand, world, kind):
    hand.faults = ["lost"]

    outcome = await act(road(memory, [hand.tool(kind)]))

    assert (outcome.status, outcome.result) == ("done", "found it")
    assert "acknowledgement was lost (ConnectionResetError: reset by peer)" in outcome.reason
    assert (hand.calls, world.times) == (1, 1)


async def test_what_is_not_found_yet_may_still_land_until_just_then(memory, hand, world, clock):
    hand.faults = ["broken"]
    tools = [hand.tool("checkable")]

    first = await act(road(memory, tools))
    clock.now += LANDS - timedelta(seconds=1)
    second = await act(road(memory, tools))
    world.happen(hand.keys[0])  # late
    clock.turn(seconds=1)
    third = await act(road(memory, tools))

    assert (first.status, first.until) == ("unsettled", clock())
    assert second.status == "unsettled"
    assert (third.status, hand.calls, world.times) == ("done", 1, 1)


async def test_what_is_not_found_when_nothing_can_land_any_more_is_done_again(memory, hand, world, clock):
    hand.faults = ["broken"]
    tools = [hand.tool("checkable")]

    await act(road(memory, tools))
    clock.now += LANDS
    outcome = await act(road(memory, tools))

    assert (outcome.status, hand.calls, world.times) == ("done", 2, 1)


async def test_what_can_land_no_later_than_its_attempt_has_failed_when_it_is_not_there(memory, hand, world):
    hand.faults = ["broken"]

    outcome = await act(road(memory, [hand.tool("checkable", lands=timedelta(0))]))

    assert (outcome.status, hand.calls, world.times) == ("failed", 1, 0)
    assert "nothing can appear any more" in outcome.reason


async def test_not_found_in_a_mailbox_proves_nothing(memory, hand, world, clock):
    hand.faults = ["lost"]
    tools = [hand.tool("findable")]
    world.file.write_text("")
    hand.probe_faults = ["down"]

    first = await act(road(memory, tools))
    world.file.write_text("")  # the mail went out and cannot be found
    clock.turn(hours=0.5)
    second = await act(road(memory, tools))
    third = await act(road(memory, tools))

    assert (first.status, second.status, third.status) == ("unsettled", "in_doubt", "in_doubt")
    assert "proves nothing" in second.reason
    assert hand.calls == 1
    (question,) = await memory.open_questions()
    assert (question.kind, question.shown["request"]) == ("settle", '{"what":"it"}')


@pytest.mark.parametrize("kind", ["checkable", "findable"])
async def test_a_probe_that_does_not_answer_is_no_answer(memory, hand, world, clock, kind):
    hand.faults, hand.probe_faults = ["lost"], ["down", "down"]
    tools = [hand.tool(kind)]

    first = await act(road(memory, tools))
    clock.turn(seconds=5)
    second = await act(road(memory, tools))
    clock.turn(seconds=5)
    third = await act(road(memory, tools))

    assert (first.status, second.status, third.status) == ("unsettled", "unsettled", "done")
    assert "could not be asked (ConnectionRefusedError: down)" in first.reason
    assert (hand.calls, world.times) == (1, 1)


@pytest.mark.parametrize("kind", ["checkable", "findable"])
async def test_a_server_that_cannot_be_asked_for_an_hour_is_a_persons_matter(memory, hand, clock, kind):
    hand.faults, hand.probe_faults = ["lost"], ["down", "down"]
    tools = [hand.tool(kind)]

    await act(road(memory, tools))
    clock.turn(hours=1, seconds=11)
    outcome = await act(road(memory, tools))

    assert (outcome.status, outcome.reason) == ("in_doubt", "the server could not be asked")
    assert outcome.evidence == {"probe": "ConnectionRefusedError: down"}


@pytest.mark.parametrize(("kind", "fault"), [("blind", "lost"), ("blind", "broken"), ("marked_blind", "lost")])
async def test_only_a_person_can_tell_what_a_blind_tool_did(memory, hand, kind, fault):
    hand.faults = [fault]
    tools = [hand.tool(kind)]

    first = await act(road(memory, tools))
    second = await act(road(memory, tools))

    assert (first.status, second.status, hand.calls) == ("in_doubt", "in_doubt", 1)
    assert first.evidence == {"error": "ConnectionResetError: reset by peer"}


@pytest.mark.parametrize("kind", ["marked_blind", "marked_findable"])
async def test_what_breaks_before_its_point_of_no_return_has_failed(memory, hand, world, kind):
    hand.faults = ["broken"]

    outcome = await act(road(memory, [hand.tool(kind)]))

    assert (outcome.status, world.times, hand.probes) == ("failed", 0, 0)
    assert "before its point of no return" in outcome.reason


async def test_what_breaks_after_its_point_of_no_return_is_in_doubt(memory, hand):
    hand.faults = ["broken_at_the_mark"]

    outcome = await act(road(memory, [hand.tool("marked_blind")]))

    assert outcome.status == "in_doubt"


@pytest.mark.parametrize("kind", ["blind", "findable", "checkable", "keyed", "idempotent", "read_only"])
async def test_a_tool_that_says_it_did_nothing_has_failed_and_is_not_repeated(memory, hand, world, kind):
    hand.faults = ["failed"]
    tools = [hand.tool(kind)]

    first = await act(road(memory, tools))
    second = await act(road(memory, tools))

    assert (first.status, first.reason) == ("failed", "no such room")
    assert second == first
    assert (hand.calls, world.times) == (1, 0)


@pytest.mark.parametrize("kind", ["blind", "keyed"])
async def test_a_tool_that_did_a_part_says_which(memory, hand, kind):
    hand.faults = ["partial"]

    outcome = await act(road(memory, [hand.tool(kind)]))

    assert (outcome.status, outcome.reason, outcome.result) == ("partial", "one of two was refused", "half")
    assert hand.calls == 1


# Timeouts -------------------------------------------------------------------------------------------------------

SHORT = timedelta(milliseconds=30)


@pytest.mark.parametrize("fault", ["hangs_before", "hangs_after"])
async def test_a_timeout_is_never_called_a_failure(memory, hand, fault):
    hand.faults = [fault]

    outcome = await act(road(memory, [hand.tool("blind", timeout=SHORT)]))

    assert (outcome.status, hand.calls) == ("in_doubt", 1)
    assert outcome.evidence["error"] == "TimeoutError"


async def test_a_timeout_of_something_checkable_waits_for_the_whole_time_in_which_it_may_land(memory, hand, clock):
    hand.faults = ["hangs_before"]
    tools = [hand.tool("checkable", timeout=SHORT)]
    began = clock()

    outcome = await act(road(memory, tools))

    assert (outcome.status, outcome.until) == ("unsettled", began + SHORT + LANDS)


async def test_a_timeout_of_something_keyed_is_sent_again(memory, hand, world):
    hand.faults = ["hangs_after"]

    outcome = await act(road(memory, [hand.tool("keyed", timeout=SHORT)]))

    assert (outcome.status, hand.calls, world.times) == ("done", 2, 1)


async def test_a_timeout_before_the_mark_has_failed(memory, hand):
    hand.faults = ["hangs_before"]

    outcome = await act(road(memory, [hand.tool("marked_blind", timeout=SHORT)]))

    assert outcome.status == "failed"
