"""What stands between a proposal and its effect, and what is made of its result."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, model_validator

from agentkit.call import Slot, ToolCall
from agentkit.effects import Delayable, Effect, ExactInverse
from agentkit.errors import InvalidToolCall, JournalUnavailable, SlotTaken
from agentkit.execution.barrier import barrier_to, decide
from agentkit.execution.context import Limits
from agentkit.execution.events import Started, Went
from agentkit.journal.journal import Journal
from agentkit.tool import ToolContext, tool
from tests.conftest import Clock
from tests.execution.world import act, call, opened, perform_in_a_process_that_dies, really_now, road
from tests.journal.processes import in_a_process

ASK = '@id("ask") permit (principal, action, resource) when { context.approvals >= 1 };'
ASK_TWO = '@id("ask") permit (principal, action, resource) when { context.approvals >= 2 };'
ASK_ANOTHER_WAY = '@id("asks") permit (principal, action, resource) when { context.approvals >= 1 };'
NEVER = '@id("never") permit (principal, action, resource) when { context.approvals >= 9 };'
HELD = '@id("held") @hold("10m") permit (principal, action, resource);'


async def answer(journal: Journal, verdict: Any = "approve", by: str = "ann", **more: Any) -> None:
    (question,) = await journal.open_questions()
    await journal.answer(question.id, verdict, by=by, proof="asserted", digest=question.digest, **more)


# Before ---------------------------------------------------------------------------------------------------------


async def test_the_intent_is_durable_before_the_effect(memory, world):
    seen: list[str] = []

    @tool("world.act")
    async def act_(ctx: ToolContext, what: str) -> None:
        record = await memory.action(ctx.action)
        seen.extend([record.state, record.request, record.key == ctx.key])

    await act(road(memory, [act_]))

    assert seen == ["started", '{"what":"it"}', True]


async def test_the_same_call_performed_again_replays_its_outcome(memory, hand, world):
    tools = [hand.tool("blind")]

    first = await act(road(memory, tools))
    second = await act(road(memory, tools))

    assert first == second
    assert (hand.calls, world.times) == (1, 1)


async def test_two_workers_at_once_are_one_effect(memory, hand, world):
    tools = [hand.tool("blind")]

    outcomes = await asyncio.gather(*(act(road(memory, tools)) for _ in range(10)))

    assert (hand.calls, world.times) == (1, 1)
    assert {outcome.status for outcome in outcomes} <= {"done", "claimed"}


async def test_two_identical_proposals_are_two_actions_with_two_keys(memory, hand, world):
    context = road(memory, [hand.tool("blind")])

    await act(context, call(turn=0))
    await act(context, call(turn=1))

    assert len(set(world.keys())) == 2


async def test_a_key_depends_on_secret_slot_and_arguments(memory, hand):
    tools = [hand.tool("keyed")]

    await act(road(memory, tools), call("one", 0))
    await act(road(memory, tools), call("two", 1))
    await act(replace(road(memory, tools), secret=b"another secret!!"), call("one", 2))

    assert len(set(hand.keys)) == 3


async def test_another_call_at_a_taken_slot_is_refused(memory, hand):
    context = road(memory, [hand.tool("blind")])
    await act(context, call("one"))

    with pytest.raises(SlotTaken):
        await act(context, call("two"))

    assert hand.calls == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"what": 5}, "what: Input should be a valid string"),
        ({"what": "it", "more": 1}, "more: Extra inputs are not permitted"),
        ({"what": {1, 2}}, "what: Input should be a valid string"),
        ({"what": float("nan")}, "what"),
        ({"what": "\ud800"}, "not plain JSON"),
        ({"what": object()}, "not plain JSON"),
    ],
)
async def test_what_does_not_fit_is_refused_written_down_and_stays_refused(memory, hand, arguments, problem):
    events: list[Any] = []
    context = road(memory, [hand.tool("blind")], listen=events.append)
    proposed = ToolCall("world.act", arguments, Slot("r-1", 0, 0))

    first = await act(context, proposed)
    second = await act(context, proposed)

    assert (first.status, second.status, hand.calls) == ("refused", "refused", 0)
    assert problem in first.reason
    assert [type(event) for event in events] == [Went]


async def test_an_unknown_tool_is_refused_with_what_there_is_instead(memory, hand):
    outcome = await act(road(memory, [hand.tool("blind")]), call(tool="world.act_now"))

    assert outcome.status == "refused"
    assert outcome.reason == "no tool named 'world.act_now'; there are ['world.act']; did you mean 'world.act'?"


async def test_a_tool_that_is_gone_closes_the_action_that_waited_for_it(memory, hand):
    await act(road(memory, [hand.tool("blind")], ASK))

    outcome = await act(road(memory, []))

    assert outcome.status == "refused"
    assert (await memory.actions("r-1"))[0].state == "refused"
    assert await memory.open_questions() == []


async def test_a_tool_that_is_gone_leaves_open_what_was_begun(memory, hand, clock):
    hand.faults = ["broken"]
    await act(road(memory, [hand.tool("checkable")]))

    with pytest.raises(InvalidToolCall):
        await act(road(memory, []))

    assert (await memory.actions("r-1"))[0].state == "started"


# The policy and people ------------------------------------------------------------------------------------------


async def test_what_the_policy_denies_does_not_happen(memory, hand):
    outcome = await act(road(memory, [hand.tool("blind")], NEVER))

    assert (outcome.status, hand.calls) == ("refused", 0)
    assert (await memory.actions("r-1"))[0].state == "refused"


async def test_what_waits_happens_after_a_yes_and_just_as_shown(memory, hand, world):
    tools = [hand.tool("blind")]

    waits = await act(road(memory, tools, ASK))
    (question,) = await memory.open_questions()
    still = await act(road(memory, tools, ASK))
    await answer(memory)
    done = await act(road(memory, tools, ASK))

    assert (waits.status, still.status, done.status) == ("waiting", "waiting", "done")
    assert question.shown["arguments"] == {"what": "it"}
    assert (await memory.actions("r-1"))[0].request == '{"what":"it"}'
    assert (done.result, world.times) == ("done it", 1)


async def test_what_was_rejected_never_runs_not_even_under_rules_that_ask_nobody(memory, hand):
    tools = [hand.tool("blind")]
    await act(road(memory, tools, ASK))
    await answer(memory, "reject", reason="too dear")

    under_others = await act(road(memory, tools, "unsafe_allow_all"))
    again = await act(road(memory, tools, ASK))

    assert (under_others.status, under_others.reason) == ("refused", "ann said no: too dear")
    assert (again.status, hand.calls) == ("refused", 0)


@pytest.mark.parametrize("verdict", [None, "", "yes", "ok", True])
async def test_a_missing_or_odd_answer_is_a_no(memory, hand, verdict):
    tools = [hand.tool("blind")]
    await act(road(memory, tools, ASK))
    await answer(memory, verdict)

    outcome = await act(road(memory, tools, ASK))

    assert (outcome.status, hand.calls) == ("refused", 0)


async def test_nobody_answering_in_time_is_a_no(memory, hand, clock):
    tools = [hand.tool("blind")]
    await act(road(memory, tools, ASK))
    clock.turn(hours=24)

    outcome = await act(road(memory, tools, ASK))

    assert (outcome.status, hand.calls) == ("refused", 0)
    assert "nobody answered" in outcome.reason


async def test_a_yes_that_got_too_old_is_asked_again(memory, hand, clock):
    tools = [hand.tool("blind")]
    await act(road(memory, tools, ASK))
    await answer(memory)
    clock.turn(hours=24)

    outcome = await act(road(memory, tools, ASK))

    assert (outcome.status, hand.calls) == ("waiting", 0)
    assert len(await memory.open_questions()) == 1


async def test_a_policy_that_changed_since_asks_again(memory, hand):
    tools = [hand.tool("blind")]
    await act(road(memory, tools, ASK))
    await answer(memory)

    outcome = await act(road(memory, tools, ASK_ANOTHER_WAY))

    assert (outcome.status, hand.calls) == ("waiting", 0)


async def test_a_policy_that_became_stricter_refuses_what_was_approved(memory, hand):
    tools = [hand.tool("blind")]
    await act(road(memory, tools, ASK))
    await answer(memory)

    assert (await act(road(memory, tools, NEVER))).status == "refused"
    assert hand.calls == 0


async def test_a_tool_that_changed_since_asks_again_and_shows_itself_anew(memory, hand):
    await act(road(memory, [hand.tool("blind")], ASK))
    (old,) = await memory.open_questions()
    await answer(memory)

    outcome = await act(road(memory, [hand.tool("blind", version="2")], ASK))
    (new,) = await memory.open_questions()

    assert (outcome.status, hand.calls) == ("waiting", 0)
    assert new.id != old.id
    await answer(memory)
    assert (await act(road(memory, [hand.tool("blind", version="2")], ASK))).status == "done"


async def test_a_yes_for_one_action_is_none_for_an_identical_one(memory, hand):
    context = road(memory, [hand.tool("blind")], ASK)
    await act(context, call(turn=0))
    await answer(memory)
    await act(context, call(turn=0))

    assert (await act(context, call(turn=1))).status == "waiting"
    assert hand.calls == 1


async def test_two_people_have_to_be_two(memory, hand):
    tools = [hand.tool("blind")]
    await act(road(memory, tools, ASK_TWO))
    await answer(memory, by="ann")
    one = await act(road(memory, tools, ASK_TWO))
    await answer(memory, by="bob")
    two = await act(road(memory, tools, ASK_TWO))

    assert (one.status, two.status) == ("waiting", "done")


@pytest.mark.parametrize("moved", ["started", "ended"])
async def test_a_slow_worker_does_not_ask_anew_about_what_another_has_carried_out(memory, hand, world, moved):
    """Between its look and its question, a person said yes to somebody else."""
    tools = [hand.tool("blind")]
    slow, quick = road(memory, tools, ASK), road(memory, tools, ASK)
    await act(quick)
    action = slow.toolbox.validate(call())
    known = await memory.known(call())
    decision = await decide(action, known, slow)
    await answer(memory)
    hand.faults = ["hangs_after"] if moved == "started" else []
    working = asyncio.create_task(act(quick))
    await asyncio.sleep(0.02)

    outcome = await barrier_to(call(), action, decision, known, slow)

    assert outcome is not None
    assert outcome.status == "claimed"
    assert await memory.open_questions() == []
    assert (await memory.actions("r-1"))[0].state == ("started" if moved == "started" else "done")
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert world.times == 1


# The clock ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "undo"), [(HELD, None), ("unsafe_allow_all", Delayable(timedelta(minutes=10)))])
async def test_what_is_kept_back_is_released_when_its_time_has_come_and_not_before(memory, hand, clock, policy, undo):
    tools = [hand.tool("blind", undo)]

    first = await act(road(memory, tools, policy))
    clock.turn(minutes=9, seconds=59)
    second = await act(road(memory, tools, policy))
    early_calls = hand.calls
    clock.turn(seconds=1)
    third = await act(road(memory, tools, policy))

    assert (first.status, second.status, third.status) == ("held", "held", "done")
    assert first.until == clock()
    assert (early_calls, hand.calls) == (0, 1)


async def test_of_two_holds_the_longer_wins(memory, hand, clock):
    outcome = await act(road(memory, [hand.tool("blind", Delayable(timedelta(hours=1)))], HELD))

    assert outcome.until == clock() + timedelta(hours=1)


async def test_what_is_kept_back_is_decided_again_at_its_release(memory, hand, clock):
    tools = [hand.tool("blind")]
    await act(road(memory, tools, HELD))
    clock.turn(minutes=10)

    assert (await act(road(memory, tools, NEVER))).status == "refused"
    assert hand.calls == 0


async def test_what_is_long_overdue_is_asked_not_sent(memory, hand, clock):
    tools = [hand.tool("blind")]
    await act(road(memory, tools, HELD))
    clock.turn(hours=1, minutes=10, seconds=1)

    asked = await act(road(memory, tools, HELD))
    await answer(memory)
    done = await act(road(memory, tools, HELD))

    assert (asked.status, done.status, hand.calls) == ("waiting", "done", 1)
    assert "is it still right?" in asked.reason


async def test_what_is_a_little_overdue_is_sent(memory, hand, clock):
    tools = [hand.tool("blind")]
    await act(road(memory, tools, HELD))
    clock.turn(hours=1, minutes=9)

    assert (await act(road(memory, tools, HELD))).status == "done"


async def test_what_was_cancelled_in_its_hold_never_happens(memory, hand, clock):
    tools = [hand.tool("blind")]
    await act(road(memory, tools, HELD))
    await memory.withdraw(call().slot.action_id, "ann", "not today")
    clock.turn(minutes=10)

    outcome = await act(road(memory, tools, HELD))

    assert (outcome.status, outcome.reason, hand.calls) == ("refused", "not today", 0)


# Results --------------------------------------------------------------------------------------------------------


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    at: datetime


class Odd(BaseModel):
    n: int

    @model_validator(mode="after")
    def explode(self) -> "Odd":
        raise AttributeError("a bug in a validator")


async def test_a_strict_result_comes_back_in_its_own_type_and_its_inverse_is_made(memory):
    when = datetime(2026, 11, 20, 9, 0)
    seen: list[Any] = []

    def back(effect: Effect[Strict]) -> Any:
        seen.append(effect.result)
        return put("back")

    @tool("world.act", undo=ExactInverse(back))
    async def put(ctx: ToolContext, what: str) -> Strict:
        return Strict(at=when)

    outcome = await act(road(memory, [put]))

    assert outcome.status == "done"
    assert outcome.typed(put).value == Strict(at=when)
    assert seen == [None, Strict(at=when)]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, "five"),
        (Strict, {"at": "not a time"}),
        (float, float("nan")),
        (int, 2**60),
        (Odd, {"n": 1}),
        (str, "\ud800"),
    ],
)
async def test_a_result_that_does_not_fit_does_not_undo_that_it_was_done(memory, annotation, value):
    async def function(ctx: ToolContext, what: str) -> Any:
        return value

    function.__annotations__["return"] = annotation
    act_ = tool("world.act")(function)

    outcome = await act(road(memory, [act_]))

    assert (outcome.status, outcome.result) == ("done", None)
    assert "does not fit" in outcome.reason
    assert outcome.evidence["returned"] == repr(value)
    assert (await memory.actions("r-1"))[0].state == "done"


async def test_an_inverse_that_fails_on_the_result_does_not_undo_that_it_was_done(memory):
    def back(effect: Effect[str]) -> Any:
        if effect.result is not None:
            raise KeyError("a bug in the inverse")
        return put("back")

    @tool("world.act", undo=ExactInverse(back))
    async def put(ctx: ToolContext, what: str) -> str:
        return "put"

    outcome = await act(road(memory, [put]))

    assert outcome.status == "done"
    assert (await memory.actions("r-1"))[0].inverse == {"tool": "world.act", "arguments": {"what": "back"}}


# Being stopped --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["blind", "checkable", "keyed", "marked_blind"])
@pytest.mark.parametrize("fault", ["hangs_before", "hangs_after"])
async def test_who_is_cancelled_in_the_tool_lets_go_and_nothing_happens_twice(memory, hand, world, clock, kind, fault):
    hand.faults = [fault]
    tools = [hand.tool(kind)]
    working = asyncio.create_task(act(road(memory, tools)))
    await hand.began.wait()

    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    record = (await memory.actions("r-1"))[0]
    let_go = memory.abandoned(record)
    clock.turn(minutes=2)
    await act(road(memory, tools))

    assert (record.state, let_go) == ("started", True)
    assert world.times <= 1
    unknowable = kind == "blind" or (kind, fault) == ("marked_blind", "hangs_after")
    assert (await memory.actions("r-1"))[0].state == ("in_doubt" if unknowable else "done")


@pytest.mark.parametrize("phase", ["known", "answered", "claim", "action", "end"])
@pytest.mark.parametrize("kind", ["blind", "checkable", "keyed"])
async def test_who_is_cancelled_between_the_steps_leaves_nothing_that_is_done_twice(
    url, world, hand, monkeypatch, phase, kind
):
    journal = Journal.open(url)
    clock = journal.clock = Clock(really_now())
    await opened(journal)
    reached = asyncio.Event()
    real = getattr(Journal, phase)

    async def slow(self: Journal, *args: Any, **options: Any) -> Any:
        result = await real(self, *args, **options)
        reached.set()
        await asyncio.sleep(0.05)
        return result

    hand.faults = ["lost"] if phase == "action" else []
    monkeypatch.setattr(Journal, phase, slow)
    working = asyncio.create_task(act(road(journal, [hand.tool(kind)])))
    waiting = asyncio.create_task(reached.wait())
    await asyncio.wait([working, waiting], return_when=asyncio.FIRST_COMPLETED)
    working.cancel()
    await asyncio.gather(working, waiting if reached.is_set() else asyncio.sleep(0), return_exceptions=True)
    waiting.cancel()
    monkeypatch.undo()

    clock.turn(minutes=2)
    outcome = await act(road(journal, [hand.tool(kind)]))

    assert outcome.status in ("done", "in_doubt")
    assert world.times <= 1
    if outcome.status == "done":
        assert world.times == 1
    await journal.close()


@pytest.mark.parametrize("kind", ["blind", "keyed"])
async def test_an_interrupt_raised_in_a_tool_lets_go(memory, hand, world, kind):
    hand.faults = ["interrupted"]

    def program() -> str:
        try:
            asyncio.run(act(road(memory, [hand.tool(kind)])))
        except KeyboardInterrupt:
            return "interrupted"
        return "went on"

    ended = await asyncio.to_thread(program)
    record = (await memory.actions("r-1"))[0]
    let_go = memory.abandoned(record)
    outcome = await act(road(memory, [hand.tool(kind)]))

    assert ended == "interrupted"
    assert (record.state, let_go) == ("started", True)
    assert outcome.status == ("in_doubt" if kind == "blind" else "done")
    assert world.times == 1


@pytest.mark.parametrize("fault", ["ctrl_c_before", "ctrl_c_after"])
async def test_ctrl_c_ends_the_process_and_lets_go(url, world, hand, fault):
    code = await in_a_process(perform_in_a_process_that_dies, url, world.file, "keyed", fault)
    journal = Journal.open(url)
    record = (await journal.actions("r-1"))[0]

    outcome = await act(road(journal, [hand.tool("keyed")]))

    assert code == 1
    assert record.state == "started"
    assert [line.kind for line in await journal.entries("r-1")].count("let_go") == 1
    assert (outcome.status, world.times) == ("done", 1)
    await journal.close()


async def test_a_heart_that_misses_a_beat_goes_on_beating(url, world, hand, monkeypatch):
    journal = Journal.open(url)
    await opened(journal)
    beats: list[str] = []
    renew = Journal.renew

    async def locked_at_first(self: Journal, *args: Any) -> bool:
        beats.append("beat")
        if len(beats) == 1:
            raise JournalUnavailable("locked")
        return await renew(self, *args)

    monkeypatch.setattr(Journal, "renew", locked_at_first)
    hand.faults = ["hangs_before"]
    context = road(journal, [hand.tool("blind")], limits=Limits(lease=timedelta(milliseconds=400)))
    working = asyncio.create_task(act(context))
    await asyncio.sleep(0.6)
    other = await act(road(journal, [hand.tool("blind")]))
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)

    assert len(beats) >= 3
    assert other.status == "claimed"
    await journal.close()


async def test_a_journal_that_takes_nothing_lets_nothing_happen(memory, hand, monkeypatch):
    async def full(*args: Any) -> Any:
        raise JournalUnavailable("disk full")

    monkeypatch.setattr(memory, "claim", full)

    with pytest.raises(JournalUnavailable):
        await act(road(memory, [hand.tool("blind")]))

    assert hand.calls == 0


async def test_what_is_told_is_told_after_it_is_durable(memory, hand):
    states: list[tuple[type, str]] = []

    def listen(event: Any) -> None:
        record = memory.store._tables  # type: ignore[attr-defined]  # a listener is not async
        (state,) = [row.state for rows in record.values() for row in rows.values() if hasattr(row, "fingerprint")]
        states.append((type(event), state))

    await act(road(memory, [hand.tool("blind")], listen=listen))

    assert states == [(Started, "started"), (Went, "done")]
