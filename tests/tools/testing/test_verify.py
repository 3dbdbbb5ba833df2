"""The kit falsifies every planted lie, and raises no alarm about an honest tool."""

from typing import Any

import pytest

from agentkit.errors import DeveloperMistake
from agentkit_tools.testing import Report, verify
from tests.tools.testing.honest import (
    Finding,
    InMemory,
    Looking,
    Noting,
    Ordering,
    Putting,
    Queueing,
    Sending,
)
from tests.tools.testing.liars import LIARS, SELDOM, DeniesIt, MarksTooLate, Meddling

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]

FEW, MANY = 8, 60
SELDOM_WRONG = {
    kind for kind in LIARS if str(SELDOM) in (kind.__doc__ or "") or "once in fifty" in (kind.__doc__ or "")
}


@pytest.mark.parametrize("honest", [Looking, Putting, Noting, Ordering, Queueing, Finding, Sending, InMemory])
async def test_an_honest_tool_raises_no_alarm(honest: Any) -> None:
    report = await verify(honest(), FEW)

    assert report.lies == []
    assert any(check.seen for check in report.checks)


@pytest.mark.parametrize(("liar", "claim"), LIARS.items(), ids=lambda each: getattr(each, "__name__", None))
async def test_a_lie_is_found_with_a_counterexample(liar: Any, claim: str) -> None:
    report = await verify(liar(), MANY if liar in SELDOM_WRONG else FEW)

    assert claim in {lie.claim for lie in report.lies}
    for lie in report.lies:
        assert lie.counterexample.arguments
        assert lie.counterexample.steps


async def test_a_trial_counts_only_if_its_fault_was_seen() -> None:
    report = await verify(Ordering(), FEW)

    faulty = [check for check in report.checks if check.trials]
    assert len(faulty) > 10
    assert all(check.seen == FEW or check.claim == "Compensable" for check in faulty)


async def test_what_cannot_be_checked_is_listed_with_the_reason() -> None:
    report = await verify(InMemory(), FEW)

    reasons = {check.not_made for check in report.checks if check.verdict == "not checked"}
    assert "the tool was not seen to speak to a server over a socket" in reasons
    assert any("the world lives in the memory" in reason for reason in reasons)
    assert any("longer than the kit waits" in reason for reason in reasons)


async def test_a_staging_that_does_not_count_is_a_mistake_and_no_lie() -> None:
    class Blindfolded(InMemory):
        async def count(self, n: int) -> int:
            return 0

    with pytest.raises(DeveloperMistake, match=r"count\(n\) stays 0"):
        await verify(Blindfolded(), FEW)


async def test_a_first_call_that_fails_is_a_mistake_and_no_lie() -> None:
    class Closed(InMemory):
        async def call(self, n: int) -> Any:
            return self.tools[0].__class__.__call__(self.tools[0], n="not a number")

    with pytest.raises(DeveloperMistake, match=r"call\(0\) of the staging is not valid"):
        await verify(Closed(), FEW)


def test_the_seldom_wrong_are_known() -> None:
    assert {Meddling, MarksTooLate} <= SELDOM_WRONG
    assert DeniesIt not in SELDOM_WRONG


def test_a_report_is_json_all_the_way_down() -> None:
    assert Report("a.b", "Keyed", "Irreversible").as_data()["honest"] is True
