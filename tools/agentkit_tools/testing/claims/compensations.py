"""`Compensable`: after the compensation nothing stands, and it cost no more than was quoted."""

from typing import Any

from agentkit.effects import Compensable, Idempotent, Keyed, Quote
from agentkit_tools.testing.bench import Bench, Case
from agentkit_tools.testing.faults import LostAnswer
from agentkit_tools.testing.report import Check, differences, shown
from agentkit_tools.testing.staging import Staging
from agentkit_tools.testing.trials import not_made, tried

CLAIM = "Compensable"


async def check_compensations(bench: Bench, trials: int) -> list[Check]:
    """Quote, compensate, count, and look at the bill."""
    checks = [
        await _compensates(bench, "with the result, nothing stands, at no more than the quote", trials, lost=False),
        await _compensates(bench, "without the result, nothing stands, at no more than the quote", trials, lost=True),
        await _compensates_what_was_lost(bench, trials),
    ]
    return [*checks, *_bill(bench)]


async def _compensates(bench: Bench, what: str, trials: int, *, lost: bool) -> Check:
    async def trial(number: int, size: int) -> int:
        case = await bench.case()
        came = await bench.attempt(case)
        if came.ended != "returned":
            return 0
        return int(await _take_back(case, None if lost else came.result, bench))

    return await tried(bench, Check(CLAIM, what), trials, trial)


async def _compensates_what_was_lost(bench: Bench, trials: int) -> Check:
    what = "after a lost answer, nothing stands, at no more than the quote"
    if why := bench.impossible(LostAnswer):
        return not_made(CLAIM, what, why)

    async def trial(number: int, size: int) -> int:
        case = await bench.case()
        came = await bench.attempt(case, bench.fault(LostAnswer, number))
        if not came.seen or not await bench.count(case):
            return 0
        return int(await _take_back(case, came.result, bench))

    return await tried(bench, Check(CLAIM, what), trials, trial)


async def _take_back(case: Case, result: Any, bench: Bench) -> bool:
    """False: by its quote it cannot be had any more."""
    how = bench.tool.undo
    assert isinstance(how, Compensable)
    await bench.counted(case, 1)
    quote = await _quoted(case, how, bench)
    if how.quote and (quote is None or quote.cost is None):
        return False
    proposal = how.compensate(case.effect(result))
    if how.limit and quote:
        proposal = type(proposal)(proposal.tool, {**proposal.arguments, how.limit: str(quote.cost)})
    order, came = await bench.counter(case, proposal)
    if came.ended == "error":
        return False
    await _nothing_stands(case, came.ended, bench)
    await _within(case, quote, bench)
    if isinstance(bench.toolbox.named(proposal.tool).repeat, Idempotent | Keyed):
        await bench.counter(case, proposal, of=order)
        await _nothing_stands(case, "returned", bench)
        await _within(case, quote, bench)
    return True


async def _quoted(case: Case, how: Compensable, bench: Bench) -> Quote | None:
    """As the road asks for it: from what was known before the effect."""
    if how.quote is None:
        return None
    before = await bench.world()
    proposal = how.quote(case.effect())
    _, came = await bench.counter(case, proposal)
    if difference := differences(before, await bench.like(before)):
        raise bench.falsified(CLAIM, "asking for the quote changed the world", case, difference[:12])
    return bench.toolbox.named(proposal.tool).loaded(came.result) if came.ended == "returned" else None


async def _nothing_stands(case: Case, ended: str, bench: Bench) -> None:
    there = await bench.counted(case, 0)
    if there or ended != "returned":
        case.steps.append(f"count: {there}")
        what = f"after the compensation it still stands {there} times" if there else "the compensation refused"
        raise bench.falsified(CLAIM, what, case)


async def _within(case: Case, quote: Quote | None, bench: Bench) -> None:
    if quote is None or quote.cost is None or not _has_bills(bench):
        return
    paid = await bench.staging.paid(case.n)
    if paid > quote.cost:
        case.steps.append(f"quoted: {quote.cost} {quote.currency}, paid: {paid}")
        raise bench.falsified(
            CLAIM, "the compensation cost more than was quoted", case, shown(str(quote.cost), str(paid))
        )


def _bill(bench: Bench) -> list[Check]:
    assert isinstance(bench.tool.undo, Compensable)
    what = "it costs no more than the quote"
    if bench.tool.undo.quote is None:
        return [not_made(CLAIM, what, "the tool has no quote")]
    return [] if _has_bills(bench) else [not_made(CLAIM, what, "the staging has no paid(n)")]


def _has_bills(bench: Bench) -> bool:
    return type(bench.staging).paid is not Staging.paid
