"""The liars lie and the honest ones do not, shown by direct calls, so that the conformance kit can be held to it."""

import pytest

from agentkit.effects import Blind, Checkable, Compensable, ExactInverse, Findable, Idempotent, Keyed, ReadOnly
from agentkit_tools.testing import Staging
from tests.liars import situations as see
from tests.liars.catalogue import HONEST, LIARS
from tests.liars.desk import AtTheShop
from tests.liars.shop import rarely

pytestmark = pytest.mark.servers

SHOWN_BY: dict[str, see.Situation] = {
    "ReadCounts": see.read,
    "ReadCountsRarely": see.read,
    "ReadCreates": see.read,
    "ReadTidies": see.read,
    "FileSeen": see.read,
    "BumpsRevision": see.twice,
    "TagsTwiceRarely": see.twice,
    "SignsTheAttempt": see.twice,
    "LooksThenAdds": see.at_once,
    "LedgerKeepsHistory": see.twice,
    "KeyedByPayload": see.equal_arguments,
    "KeyForgotten": see.replayed_after_others,
    "KeyExpires": see.replayed_later,
    "KeyRaces": see.at_once,
    "KeySlips": see.replayed,
    "KeyCollides": see.replayed,
    "ReplayDiffers": see.replayed,
    "KeyPerAttempt": see.replayed,
    "QueuedLonger": see.probed,
    "ProbeDiffers": see.probed,
    "ProbeByPayload": see.probed_while_another_is_there,
    "ProbeByPrefix": see.probed_after_a_longer_name,
    "ProbeBlindSpot": see.probed,
    "ProbeTakesDraft": see.probed_after_a_cut,
    "FindsAnother": see.probed_while_another_is_there,
    "FindsDraft": see.probed_after_a_cut,
    "FindsNumberOfLatest": see.probed_before_another,
    "FindsWishes": see.probed_while_another_is_there,
    "FindsInOutbox": see.probed_after_a_death_at_the_mark,
    "MarksAfterwards": see.killed_at_the_mark,
    "MarksAfterwardsRarely": see.killed_at_the_mark,
    "MarksAlongside": see.killed_at_the_mark,
    "ReservesBeforeMark": see.killed_at_the_mark,
    "FileMarksLate": see.killed_at_the_mark,
    "ForgetsColour": see.undone,
    "ForgetsTextRarely": see.undone,
    "SortsTags": see.undone,
    "OverwritesEdit": see.undone_after_an_edit,
    "GuardsBySecond": see.undone_after_an_edit,
    "GuardsTwoFields": see.undone_after_an_edit,
    "LooksThenRestores": see.undone_after_an_edit,
    "RestoresWithResultOnly": see.undone_after_a_lost_answer,
    "AddingStock": see.undone_twice,
    "FileModeForgotten": see.undone,
    "SurchargeUnsaid": see.compensated,
    "SurchargeRarely": see.compensated,
    "OldPriceList": see.compensated,
    "CancelsWithResultOnly": see.compensated_after_a_lost_answer,
    "CancelsLatest": see.compensated_after_another,
    "OneItemStays": see.compensated,
    "FailsOnSilence": see.fails,
    "FailsOnServerError": see.fails,
    "FailsOnGarbage": see.fails,
    "FailsOnConflict": see.fails,
    "FailsHalfway": see.fails,
    "LedgerFailsAfterwards": see.fails,
}
PROMISED: dict[type, list[see.Situation]] = {
    ReadOnly: [see.read],
    Idempotent: [see.twice, see.at_once],
    Keyed: [see.replayed, see.at_once, see.replayed_after_others, see.replayed_later, see.equal_arguments],
    Checkable: [see.probed, see.probed_while_another_is_there, see.probed_before_another, see.probed_after_a_cut],
    Findable: [see.probed, see.probed_while_another_is_there, see.probed_before_another, see.probed_after_a_cut],
    Blind: [],
    ExactInverse: [see.undone, see.undone_after_a_lost_answer, see.undone_twice, see.undone_after_an_edit],
    Compensable: [see.compensated, see.compensated_after_a_lost_answer, see.compensated_after_another],
}
TRIALS = 120
"""Enough for what happens once in fifty calls: which calls those are is fixed, and some are among the first."""


def promises(staging: Staging) -> list[see.Situation]:
    """The situations that the declarations of its first tool are about."""
    tool = staging.tools[0]
    asked = [*PROMISED[type(tool.repeat)], *PROMISED.get(type(tool.undo), []), see.fails]
    if isinstance(staging, AtTheShop) and isinstance(tool.repeat, Idempotent | Keyed | Checkable):
        asked.append(see.carried_on_after_a_cut)
    return [*asked, see.killed_at_the_mark] if tool.marked else asked


@pytest.mark.parametrize("name", LIARS)
async def test_a_liar_lies(name: str) -> None:
    async with LIARS[name][0]() as staging:
        for n in range(1, TRIALS):
            if await SHOWN_BY[name](staging, n):
                return
    pytest.fail(f"{name} told no lie in {TRIALS} calls")


@pytest.mark.parametrize("name", HONEST)
async def test_an_honest_tool_does_not_lie(name: str) -> None:
    async with HONEST[name]() as staging:
        for number, situation in enumerate(promises(staging)):  # calls of its own for each situation
            for n in range(1 + 20 * number, 5 + 20 * number):
                assert (await situation(staging, n)) is None, situation.__name__


def test_every_claim_has_at_least_three_liars() -> None:
    claims = [claim for _, claim in LIARS.values()]
    assert {claim for claim in claims if claims.count(claim) >= 3} == {
        "ReadOnly",
        "Idempotent",
        "Keyed",
        "Checkable",
        "Findable",
        "marked",
        "ExactInverse",
        "Compensable",
        "ToolFailed",
    }


@pytest.mark.parametrize("prefix", ["item", "thing"])
def test_what_is_rare_happens_within_a_hundred_calls(prefix: str) -> None:
    assert 1 <= sum(rarely(f"{prefix} {n}") for n in range(100)) <= 6
