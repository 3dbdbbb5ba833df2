"""An action is carried out by one worker at a time, and ends once."""

import asyncio
import os
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agentkit.action import Outcome
from agentkit.errors import BudgetExhausted, LeaseLost, NotFound, SlotTaken
from agentkit.journal.journal import Journal
from agentkit.journal.owner import is_dead, new_owner
from tests.journal.acts import ALLOW, ALLOWED_BY_ONE, INTENT, LANDS, LEASE, ME, OTHER, TOOLBOX, Acts, book_in_version
from tests.journal.processes import FORK, in_a_process, in_processes

DONE = Outcome("done", result={"uuid": "u-1", "note": ""})


# Claiming -------------------------------------------------------------------------------------------------------


async def test_what_is_claimed_is_written_down_before_anything_happens(acts, clock):
    record = await acts.claimed()

    assert (record.state, record.owner, record.epoch, record.attempts) == ("started", ME, 1, 1)
    assert (record.key, record.request) == ("key", '{"price":0,"room":"blue"}')
    assert record.inverse == {"tool": "room.cancel", "arguments": {}}
    assert record.lease_until == clock() + LEASE
    assert record.may_land_until == clock() + LANDS
    assert record == await acts.record()
    assert await acts.kinds() == ["proposed", "decided", "started"]


async def test_of_many_tasks_exactly_one_claims(acts):
    claims = await asyncio.gather(*(acts.claim(owner=new_owner()) for _ in range(20)))

    assert sum(claim is not None for claim in claims) == 1


async def test_of_many_threads_exactly_one_claims(acts):
    claims: list[Any] = []
    threads = [
        threading.Thread(target=lambda: claims.append(asyncio.run(acts.claim(owner=new_owner())))) for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    await asyncio.to_thread(lambda: [thread.join() for thread in threads])

    assert len(claims) == 8
    assert sum(claim is not None for claim in claims) == 1


def _claim_in_a_process(url: str, barrier: Any, results: Any) -> None:
    async def main() -> bool:
        journal = Journal.open(url)
        acts = Acts(journal)
        barrier.wait(20)
        claimed = await acts.claim(owner=new_owner())
        await journal.close()
        return claimed is not None

    results.put(asyncio.run(main()))


async def test_of_many_processes_exactly_one_claims(url):
    journal = Journal.open(url)
    await Acts(journal).opened()
    barrier, results = FORK.Barrier(4), FORK.Queue()

    await in_processes(*[(_claim_in_a_process, url, barrier, results)] * 4)

    claims = [results.get(timeout=5) for _ in range(4)]
    assert sorted(claims) == [False, False, False, True]
    await journal.close()


async def test_what_was_edited_meanwhile_is_not_claimed_as_it_was(acts):
    await acts.ask()
    stale = replace(acts.action(), digest="of-other-arguments", revision=1)

    assert await acts.claim(action=stale) is None
    assert (await acts.record()).state == "waiting"


@pytest.mark.parametrize("outcome", [DONE, Outcome("refused", "no"), Outcome("failed", "no"), Outcome("in_doubt", "?")])
async def test_what_has_ended_is_never_claimed(acts, outcome):
    await acts.claimed()
    await acts.end(outcome)

    assert await acts.claim(owner=OTHER) is None
    assert (await acts.record()).attempts == 1


async def test_another_call_at_the_same_slot_is_refused(acts):
    await acts.claimed()

    with pytest.raises(SlotTaken, match=r"already proposed room\.book at turn 0"):
        await acts.journal.known(acts.call(room="red"))


async def test_the_budget_is_charged_by_the_claim(journal):
    acts = await Acts(journal).opened(tool_calls=2)
    first, second, third = (acts.call(turn) for turn in range(3))

    await acts.claimed(first)
    await acts.claimed(second)
    with pytest.raises(BudgetExhausted, match=r"2 tool calls.*Budget\(tool_calls="):
        await acts.claim(third)

    assert (await journal.run("r-1")).spent == {"tool_calls": 2}
    assert await journal.known(third) is None


async def test_a_claim_that_fails_charges_nothing_and_spends_no_consent(journal):
    acts = await Acts(journal).opened(tool_calls=0)
    await acts.answer(await acts.ask())

    with pytest.raises(BudgetExhausted):
        await acts.claim(decision=ALLOWED_BY_ONE)

    assert (await journal.run("r-1")).spent == {}
    assert (await journal.answered(acts.action(), "p1")).approvals == 1
    await journal.set_budget("r-1", {"tool_calls": 1})
    assert await acts.claim(decision=ALLOWED_BY_ONE) is not None


async def test_losing_a_race_costs_nothing(acts):
    await acts.claimed()

    assert await acts.claim(owner=OTHER) is None
    assert (await acts.journal.run("r-1")).spent == {"tool_calls": 1}


async def test_a_changed_tool_is_another_revision_of_what_is_claimed(acts):
    await acts.ask()
    newer = acts.action(toolbox=type(TOOLBOX)([book_in_version("2")]))

    record = await acts.journal.claim(acts.call(), newer, ALLOW, INTENT, ME)

    assert record is not None
    assert record.digest == newer.digest
    assert "tool_changed" in await acts.kinds()


# Leases and owners ----------------------------------------------------------------------------------------------


async def test_a_lease_keeps_others_out_until_it_ends(acts, clock):
    record = await acts.claimed()

    clock.turn(seconds=29.9)
    too_early = await acts.journal.take_over(record, OTHER, LEASE, timedelta(0))
    clock.turn(seconds=0.1)
    in_time = await acts.journal.take_over(record, OTHER, LEASE, timedelta(0))

    assert too_early is None
    assert in_time is not None
    assert (in_time.owner, in_time.epoch, in_time.lease_until) == (OTHER, 2, clock() + LEASE)


async def test_a_renewed_lease_lasts_longer(acts, clock):
    record = await acts.claimed()

    clock.turn(seconds=20)
    renewed = await acts.journal.renew(record, ME, LEASE)
    clock.turn(seconds=20)

    assert renewed
    assert await acts.journal.take_over(record, OTHER, LEASE, timedelta(0)) is None


async def test_who_lost_the_claim_can_neither_renew_nor_mark_nor_let_go(acts, clock):
    record = await acts.claimed()
    clock.turn(seconds=31)
    taken = await acts.journal.take_over(record, OTHER, LEASE, timedelta(0))

    renewed = await acts.journal.renew(record, ME, LEASE)
    with pytest.raises(LeaseLost, match="taken over"):
        await acts.journal.mark(record, ME)
    await acts.journal.let_go(record, ME)

    assert not renewed
    assert await acts.record() == taken


async def test_an_old_claim_of_the_same_owner_does_not_count(acts, clock):
    record = await acts.claimed()
    clock.turn(seconds=31)
    taken = await acts.journal.take_over(record, ME, LEASE, timedelta(0))

    with pytest.raises(LeaseLost):
        await acts.journal.mark(record, ME)

    assert taken is not None
    await acts.journal.mark(taken, ME)
    assert (await acts.record()).marked


async def test_what_was_let_go_can_be_taken_at_once_or_from_the_time_that_was_said(acts, clock):
    record = await acts.claimed()
    await acts.journal.let_go(record, ME, again_at=clock() + timedelta(seconds=5))

    too_early = await acts.journal.take_over(record, OTHER, LEASE, timedelta(0))
    clock.turn(seconds=5)
    taken = await acts.journal.take_over(record, OTHER, LEASE, timedelta(0))

    assert too_early is None
    assert taken is not None
    assert taken.may_land_until == record.may_land_until
    await acts.journal.let_go(taken, OTHER)
    assert await acts.journal.take_over(record, ME, LEASE, timedelta(0)) is not None


async def test_of_many_only_one_takes_over(acts, clock):
    record = await acts.claimed()
    clock.turn(seconds=31)

    taken = await asyncio.gather(*(acts.journal.take_over(record, new_owner(), LEASE, LEASE) for _ in range(10)))

    assert sum(one is not None for one in taken) == 1


async def test_the_second_attempt_keeps_key_request_and_start(acts, clock):
    first = await acts.claimed()
    clock.turn(seconds=31)
    taken = await acts.journal.take_over(first, OTHER, LEASE, timedelta(0))

    again = await acts.journal.claim_again(taken, replace(INTENT, key="another"), OTHER)
    stale = await acts.journal.claim_again(taken, INTENT, OTHER)

    assert (again.key, again.request, again.started_at) == (first.key, first.request, first.started_at)
    assert (again.attempts, again.epoch, again.marked) == (2, 3, False)
    assert again.may_land_until == clock() + LANDS
    assert stale is None


async def test_a_mark_is_durable(acts):
    record = await acts.claimed()

    await acts.journal.mark(record, ME)

    assert (await acts.record()).marked
    assert (await acts.kinds())[-1] == "marked"


def _claim_and_die(url: str) -> None:
    async def main() -> None:
        await Acts(Journal.open(url)).claimed(owner=new_owner())

    asyncio.run(main())
    os._exit(9)


def _let_go_and_die(url: str) -> None:
    async def main() -> None:
        owner = new_owner()
        acts = Acts(Journal.open(url))
        await acts.journal.let_go(await acts.claimed(owner=owner), owner, reason="told to stop")

    asyncio.run(main())
    os._exit(9)


async def test_who_let_go_and_died_is_proven_dead_all_the_same(url):
    journal = Journal.open(url)
    acts = await Acts(journal).opened()
    await in_a_process(_let_go_and_die, url)
    record = await acts.record()

    taken = await journal.take_over(record, ME, LEASE, timedelta(seconds=3))

    assert taken is not None
    assert taken.may_land_until is not None
    assert record.may_land_until is not None
    assert taken.may_land_until <= journal.clock() + timedelta(seconds=3) < record.may_land_until
    await journal.close()


async def test_a_dead_owners_claim_ends_at_once_and_its_effects_land_for_so_long_only(url):
    journal = Journal.open(url)
    acts = await Acts(journal).opened()
    exit_code = await in_a_process(_claim_and_die, url)
    record = await acts.record()

    taken = await journal.take_over(record, ME, LEASE, timedelta(seconds=3))

    assert exit_code == 9
    assert record.owner is not None
    assert is_dead(record.owner)
    assert not is_dead(ME)
    assert journal.clock() < record.lease_until  # type: ignore[operator]
    assert taken is not None
    assert taken.may_land_until is not None
    assert record.may_land_until is not None
    assert taken.may_land_until <= journal.clock() + timedelta(seconds=3) < record.may_land_until
    await journal.close()


async def test_an_owner_on_another_machine_is_never_proven_dead(acts):
    elsewhere = new_owner().replace('"pid": ', '"pid": 9').replace('"host": "', '"host": "elsewhere-')
    record = await acts.claimed(owner=elsewhere)

    assert not is_dead(elsewhere)
    assert await acts.journal.take_over(record, ME, LEASE, timedelta(0)) is None


# Ending ---------------------------------------------------------------------------------------------------------


async def test_an_action_ends_once_and_what_was_written_first_stands(acts):
    await acts.claimed()

    first = await acts.end(DONE)
    second = await acts.end(Outcome("failed", "after all"))

    assert (first, second) == (DONE, DONE)
    assert (await acts.kinds()).count("done") == 1
    assert "failed" not in await acts.kinds()


@pytest.mark.parametrize("status", ["failed", "refused", "partial", "in_doubt"])
async def test_a_zombies_failure_says_nothing_about_the_attempt_under_way(acts, clock, status):
    record = await acts.claimed()
    clock.turn(seconds=31)
    await acts.journal.take_over(record, OTHER, LEASE, timedelta(0))

    told = await acts.end(Outcome(status, "late"), owner=ME)

    assert told.status == "claimed"
    assert (await acts.record()).state == "started"
    assert (await acts.end(DONE, owner=OTHER)).status == "done"


async def test_a_zombies_success_is_news_about_the_world(acts, clock):
    record = await acts.claimed()
    clock.turn(seconds=31)
    await acts.journal.take_over(record, OTHER, LEASE, timedelta(0))

    await acts.end(DONE, owner=ME)
    told = await acts.end(Outcome("failed", "nothing there"), owner=OTHER)

    assert told.status == "done"
    assert (await acts.record()).state == "done"


async def test_a_zombies_success_settles_the_doubt_that_others_recorded(acts, clock):
    record = await acts.claimed()
    clock.turn(seconds=31)
    await acts.journal.take_over(record, OTHER, LEASE, timedelta(0))
    await acts.end(Outcome("in_doubt", "nobody knows"), owner=OTHER)

    await acts.end(DONE, owner=ME)

    assert (await acts.record()).state == "done"
    assert await acts.journal.open_questions() == []


async def test_what_a_person_settled_stays_settled(acts):
    await acts.claimed()
    await acts.end(Outcome("in_doubt", "nobody knows"))
    await acts.journal.settle(acts.action().id, Outcome("failed", "ann looked"), "ann", "asserted")

    await acts.end(DONE)

    assert (await acts.record()).state == "failed"


async def test_only_a_doubt_can_be_settled(acts):
    await acts.claimed()

    with pytest.raises(NotFound, match="not in doubt"):
        await acts.journal.settle(acts.action().id, DONE, "ann", "asserted")


async def test_a_doubt_opens_one_question_with_what_is_known_and_settling_closes_it(acts):
    await acts.claimed()
    await acts.end(Outcome("in_doubt", "no answer", evidence={"error": "reset"}))

    (question,) = await acts.journal.open_questions("r-1")
    await acts.journal.settle(question.action, DONE, "ann", "asserted")

    assert question.kind == "settle"
    assert question.shown["request"] == '{"price":0,"room":"blue"}'
    assert (question.shown["key"], question.shown["evidence"]) == ("key", {"error": "reset"})
    assert await acts.journal.open_questions() == []
    assert (await acts.journal.question(question.id)).status == "settled"


# Holding and withdrawing ----------------------------------------------------------------------------------------


async def test_a_hold_keeps_the_first_time_said(acts, clock):
    first = await acts.journal.hold(acts.call(), acts.action(), ALLOW, clock() + timedelta(minutes=2))
    second = await acts.journal.hold(acts.call(), acts.action(), ALLOW, clock() + timedelta(hours=2))

    assert first == second == clock() + timedelta(minutes=2)
    assert (await acts.record()).state == "held"
    assert (await acts.kinds()).count("held") == 1


async def test_what_is_withdrawn_never_starts_and_nothing_brings_it_back(acts, clock):
    await acts.journal.hold(acts.call(), acts.action(), ALLOW, clock())

    withdrawn = await acts.journal.withdraw(acts.action().id, "ann", "changed my mind")
    held = await acts.journal.hold(acts.call(), acts.action(), ALLOW, clock())
    asked = await acts.journal.ask(acts.call(), acts.action(), ALLOW, {}, LEASE)

    assert withdrawn
    assert (held, asked) == (None, None)
    assert await acts.claim() is None
    assert (await acts.record()).state == "refused"
    assert await acts.journal.open_questions() == []


@pytest.mark.parametrize("after", ["started", "done"])
async def test_what_has_started_can_be_neither_withdrawn_nor_asked_about_nor_held(acts, clock, after):
    await acts.claimed()
    if after == "done":
        await acts.end(DONE)

    withdrawn = await acts.journal.withdraw(acts.action().id, "ann", "too late")
    asked = await acts.journal.ask(acts.call(), acts.action(), ALLOW, {}, LEASE)
    held = await acts.journal.hold(acts.call(), acts.action(), ALLOW, clock())

    assert (withdrawn, asked, held) == (False, None, None)
    assert (await acts.record()).state == after
    assert await acts.claim(owner=OTHER) is None


async def test_what_does_not_fit_is_written_down_as_refused_even_if_it_is_not_json(acts):
    call = replace(acts.call(), arguments={"room": {1, 2}})

    await acts.journal.refuse_invalid(call, Outcome("refused", "not plain JSON"))
    await acts.journal.refuse_invalid(call, Outcome("refused", "again"))

    record = await acts.record()
    assert record.outcome is not None
    assert (record.state, record.outcome["reason"]) == ("refused", "not plain JSON")
    assert "{1, 2}" in record.call["arguments"]["not_json"]
    assert await acts.kinds() == ["proposed", "refused"]


async def test_a_tool_that_is_gone_closes_what_waited_for_it(acts):
    await acts.ask()

    await acts.journal.refuse_invalid(acts.call(), Outcome("refused", "no tool named 'room.book'"))

    assert (await acts.record()).state == "refused"
    assert await acts.journal.open_questions() == []


# Handles and undo -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["done", "partial"])
async def test_an_identifier_from_a_result_makes_the_next_action_depend_on_it(acts, status):
    await acts.claimed()
    await acts.end(Outcome(status, result={"uuid": "u-77", "note": "u-78"}))
    by_handle, by_note, within_text = acts.call(1, "u-77"), acts.call(2, "u-78"), acts.call(3, "see u-77")

    for call in (by_handle, by_note, within_text):
        await acts.claimed(call)

    first = acts.action().id
    assert (await acts.record(by_handle)).depends_on == [first]
    assert (await acts.record(by_handle)).labels == {"room": {"origin": "tool", "action": first, "path": "uuid"}}
    assert (await acts.record(by_note)).depends_on == []
    assert (await acts.record(within_text)).depends_on == []


async def test_an_identifier_of_another_run_is_nobodys(journal):
    ours, theirs = await Acts(journal).opened(), await Acts(journal, "r-2").opened()
    await theirs.claimed()
    await theirs.end(Outcome("done", result={"uuid": "u-77", "note": ""}))

    await ours.claimed(ours.call(0, "u-77"))

    assert (await ours.record()).depends_on == []


async def test_at_most_one_undo_of_an_action_is_alive(acts):
    await acts.claimed()
    await acts.end(DONE)
    one, two = (acts.call(turn, undoes=acts.action().id) for turn in (1, 2))

    first = await acts.claim(one)
    second = await acts.claim(two)
    await acts.end(Outcome("failed", "not this time"), call=one)
    third = await acts.claim(two)
    await acts.end(DONE, call=two)

    assert first is not None
    assert second is None
    assert third is not None
    assert (await acts.record()).undone_by == two.slot.action_id
    assert await acts.claim(acts.call(3, undoes=acts.action().id)) is None
