"""Runs, what they spent, and what the model said."""

from decimal import Decimal

import pytest

from agentkit.errors import BudgetExhausted, NotFound
from agentkit.journal.records import RunRecord
from tests.journal.acts import Acts


async def test_a_second_opening_returns_the_first(acts, journal, clock):
    again = await journal.open_run(RunRecord("r-1", "goal", "another goal", "a", "running", clock(), clock()))

    assert again.goal == "g"
    assert [entry.kind for entry in await journal.entries("r-1")] == ["run_opened"]


async def test_a_run_that_is_not_there_is_not_found(journal):
    with pytest.raises(NotFound, match="no run 'r-9'"):
        await journal.run("r-9")


async def test_the_first_reply_written_is_the_one_that_counts_and_both_were_paid_for(acts, journal):
    first = await journal.add_reply("r-1", 0, {"text": "one"}, {"model_calls": 1, "money": "0.10"})
    second = await journal.add_reply("r-1", 0, {"text": "two"}, {"model_calls": 1, "money": "0.20"})

    assert (first, second) == ({"text": "one"}, {"text": "one"})
    assert await journal.reply("r-1", 0) == {"text": "one"}
    assert await journal.reply("r-1", 1) is None
    assert (await journal.run("r-1")).spent == {"model_calls": 2, "money": "0.30"}


@pytest.mark.parametrize(
    ("limit", "spent"),
    [({"tokens": 10}, {"tokens": 10}), ({"money": "0.3"}, {"money": "0.30"}), ({"seconds": "1.5"}, {"seconds": "1.6"})],
)
async def test_at_a_limit_no_more_is_allowed_and_a_larger_one_lets_it_go_on(journal, limit, spent):
    await Acts(journal).opened(**limit)
    await journal.require_budget("r-1")
    await journal.add_reply("r-1", 0, {}, spent)

    with pytest.raises(BudgetExhausted):
        await journal.require_budget("r-1")

    await journal.set_budget("r-1", {name: str(Decimal(str(value)) * 2) for name, value in limit.items()})
    await journal.require_budget("r-1")


@pytest.mark.parametrize("late", ["running", "waiting", "stopped", "finished", "failed"])
@pytest.mark.parametrize("ended", ["finished", "failed", "rolled_back", "stuck"])
async def test_no_late_worker_reopens_or_rewrites_a_run_that_has_ended(acts, journal, ended, late):
    await journal.set_status("r-1", ended, "", {"answer": 42})

    standing = await journal.set_status("r-1", late, "late")

    assert (standing.status, standing.answer) == (ended, {"answer": 42})


@pytest.mark.parametrize("ended", ["finished", "stuck"])
async def test_only_an_undo_changes_how_a_run_has_ended(acts, journal, ended):
    await journal.set_status("r-1", ended)

    assert (await journal.set_status("r-1", "rolled_back")).status == "rolled_back"


async def test_the_same_standing_is_written_down_once(acts, journal):
    await journal.set_status("r-1", "waiting", "for ann")
    await journal.set_status("r-1", "waiting", "for ann")

    assert [entry.kind for entry in await journal.entries("r-1")] == ["run_opened", "run_waiting"]
