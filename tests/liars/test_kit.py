"""The conformance kit on a few of the liars and honest tools; `python -m benchmarks.verify` takes all of them."""

import pytest

from agentkit_tools.testing import verify
from tests.liars.catalogue import HONEST, LIARS

pytestmark = pytest.mark.timeout(300)

ONE_OF_EACH = (
    "ReadCreates",
    "BumpsRevision",
    "KeyedByPayload",
    "ProbeDiffers",
    "FindsAnother",
    "MarksAfterwards",
    "OverwritesEdit",
    "SurchargeUnsaid",
    "FailsOnServerError",
)


@pytest.mark.parametrize("name", ONE_OF_EACH)
async def test_a_liar_is_caught_with_a_counterexample(name):
    staging, claim = LIARS[name]
    report = await verify(staging(), trials=6)
    assert claim in {lie.claim for lie in report.lies}
    assert all(lie.counterexample.steps for lie in report.lies)


@pytest.mark.parametrize("name", ["BusyKeyed", "LateChecked", "RestoresSlowly"])
async def test_an_honest_tool_is_not_accused(name):
    report = await verify(HONEST[name](), trials=6)
    assert [(lie.claim, lie.what) for lie in report.lies] == []
    assert sum(check.seen for check in report.checks) > 0
