"""A small, fixed part of `python -m benchmarks.faults`: nothing doubled, lost or overwritten, where retries do it."""

from collections import Counter

import pytest

from benchmarks.faults.catalogue import TOOLS
from benchmarks.faults.trials import KINDS, Tally, trials_of

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

BAD = ("duplicates", "silent_losses", "clobbers")


def _bad(tallies: list[Tally]) -> Counter[str]:
    return +Counter({name: sum(getattr(tally, name) or 0 for tally in tallies) for name in BAD})


@pytest.mark.parametrize("name", ["email.send (copy is proof)", "calendar.update_event", "booking.reserve (OCTO)"])
async def test_where_retries_do_damage_the_road_does_none_and_asks_nobody(name):
    async with trials_of(TOOLS[name].staging(), TOOLS[name].countable) as trials:
        road = [await trials.road(kind, 3) for kind in KINDS]
        naive = [await trials.naive(kind, 10) for kind in ("lost acknowledgement", "late effect")]
    assert [tally.trials for tally in road] == [3] * len(KINDS)
    assert not _bad(road), [tally.examples for tally in road]
    assert sum(tally.escalations for tally in road) == 0
    assert _bad(naive), "the same faults must hurt a program that only retries, or they were none"


async def test_somebody_elses_edit_is_not_overwritten_by_undo_where_a_blind_one_does_it():
    entry = TOOLS["calendar.update_event"]
    async with trials_of(entry.staging()) as trials:
        road, blind = await trials.edited(3), await trials.edited(3, entry.overwrite)
    assert (road.trials, road.clobbers) == (3, 0)
    assert (blind.trials, blind.clobbers) == (3, 3)


@pytest.mark.parametrize("status", ["exit 1", "exit None", "unsettled", "waiting", "claimed"])
def test_what_did_not_end_counts_as_lost_even_when_nothing_is_there(status):
    tally = Tally()
    tally.add(0, status, "it broke down")
    assert (tally.trials, tally.silent_losses) == (1, 1)


def test_a_true_failure_is_neither_lost_nor_done():
    tally = Tally()
    tally.add(0, "failed", "refused")
    tally.add(1, "failed", "a lie")
    assert (tally.not_done, tally.silent_losses) == (1, 1)
