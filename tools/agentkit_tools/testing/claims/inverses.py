"""`ExactInverse`: the world is as before in every field, and what others have changed since stays as it is."""

from typing import Any

from agentkit.call import Proposal
from agentkit.effects import ExactInverse
from agentkit_tools.testing.attempt import Attempt
from agentkit_tools.testing.bench import Bench, Case
from agentkit_tools.testing.faults import LostAnswer
from agentkit_tools.testing.report import Check, differences, shown
from agentkit_tools.testing.staging import Staging
from agentkit_tools.testing.trials import not_made, tried

CLAIM = "ExactInverse"


async def check_inverses(bench: Bench, trials: int) -> list[Check]:
    """Take back, with and without the result, twice, and after somebody else's edit."""
    return [
        await _restores(bench, "with the result, it restores everything, also when it runs twice", trials, lost=False),
        await _restores(
            bench, "without the result, it restores everything, also when it runs twice", trials, lost=True
        ),
        await _restores_what_was_lost(bench, trials),
        await _leaves_edits_alone(bench, trials),
        *_within(bench),
    ]


async def _restores(bench: Bench, what: str, trials: int, *, lost: bool) -> Check:
    async def trial(number: int, size: int) -> int:
        case = await bench.case()
        before = await bench.world()
        came = await bench.attempt(case)
        if came.ended != "returned":
            return 0
        await _take_back(case, None if lost else came.result, before, bench)
        return 1

    return await tried(bench, Check(CLAIM, what), trials, trial)


async def _restores_what_was_lost(bench: Bench, trials: int) -> Check:
    what = "after a lost answer, it restores everything"
    if why := bench.impossible(LostAnswer):
        return not_made(CLAIM, what, why)

    async def trial(number: int, size: int) -> int:
        case = await bench.case()
        before = await bench.world()
        came = await bench.attempt(case, bench.fault(LostAnswer, number))
        if not came.seen or not await bench.count(case):
            return 0
        await _take_back(case, came.result, before, bench)
        return 1

    return await tried(bench, Check(CLAIM, what), trials, trial)


async def _take_back(case: Case, result: Any, before: Any, bench: Bench) -> None:
    """The inverse, once, again as the same action, and again as another one."""
    await bench.counted(case, 1)
    proposal = inverse_of(case, result, bench)
    order, came = await bench.counter(case, proposal)
    if came.ended == "failed":
        raise bench.falsified(CLAIM, "the inverse refused, though nobody else had changed anything", case)
    await _is_as_before(case, before, "the inverse left the world otherwise than it was before the call", bench)
    await bench.counter(case, proposal, of=order)
    await bench.counter(case, proposal)
    await _is_as_before(case, before, "run twice, the inverse changed the world", bench)


async def _is_as_before(case: Case, before: Any, what: str, bench: Bench) -> None:
    after = await bench.like(before)
    if difference := differences(before, after):
        case.steps.append(f"the world differs in {len(difference)} places")
        raise bench.falsified(CLAIM, what, case, shown(before, after))


async def _leaves_edits_alone(bench: Bench, trials: int) -> Check:
    what = "after somebody else's edit, it refuses and the edit stays"
    if type(bench.staging).edit is Staging.edit:
        return not_made(CLAIM, what, "the staging has no edit(n)")

    async def trial(number: int, size: int) -> int:
        case = await bench.case()
        came = await bench.attempt(case)
        if came.ended != "returned":
            return 0
        await bench.counted(case, 1)
        proposal = inverse_of(case, came.result if number % 2 == 0 else None, bench)
        unedited = await bench.world()
        await bench.staging.edit(case.n)
        edited = await bench.world()
        case.steps.append("somebody else edited it")
        if not differences(unedited, edited):
            return 0
        order, taken = await bench.counter(case, proposal)
        await _refused(case, taken, edited, bench)
        await _refused(case, (await bench.counter(case, proposal, of=order))[1], edited, bench)
        return 1

    return await tried(bench, Check(CLAIM, what), trials, trial)


async def _refused(case: Case, came: Attempt, edited: Any, bench: Bench) -> None:
    after = await bench.world() if bench.settles else await bench.staging.world()
    if differences(edited, after):
        what = "the inverse changed what somebody else had edited since"
        raise bench.falsified(CLAIM, what, case, shown(edited, after))
    if came.ended == "returned":
        raise bench.falsified(CLAIM, "after somebody else's edit the inverse returned as if it had restored", case)


def inverse_of(case: Case, result: Any, bench: Bench) -> Proposal[Any]:
    """What the tool itself proposes to take the effect back."""
    assert isinstance(bench.tool.undo, ExactInverse)
    effect = case.effect(result)
    proposal = bench.tool.undo.inverse(effect)
    known = "with the result" if result is not None else "without the result"
    case.steps.append(f"inverse {known}: {proposal and proposal.as_data()}")
    if proposal is None:
        raise bench.falsified(CLAIM, f"it took effect, and {known} there is no inverse", case)
    return proposal


def _within(bench: Bench) -> list[Check]:
    assert isinstance(bench.tool.undo, ExactInverse)
    if bench.tool.undo.within is None:
        return []
    return [not_made(CLAIM, f"for {bench.tool.undo.within} after the effect", "the kit takes back at once")]
