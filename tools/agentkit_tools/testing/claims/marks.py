"""`marked=True`: whatever ends before the point of no return has no effect."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from agentkit_tools.testing.bench import GRACE, Bench, Case
from agentkit_tools.testing.faults import Death, DeathAtTheMark, InTheProcess, Stopped
from agentkit_tools.testing.report import Check, differences, shown
from agentkit_tools.testing.trials import not_made, tried

CLAIM = "marked"
WHAT = "it took effect before its point of no return, or without calling it"
CHANGED = "it changed the world before its point of no return, or without calling it"
AT_ONCE = 5
"""So many attempts are made between two looks at the whole world."""

End = Callable[[Case, int], Awaitable[bool]]
"""Ends the number-th attempt at the mark or before it; whether it came to that."""


async def check_marks(bench: Bench, trials: int) -> list[Check]:
    """End attempts at the mark and before it, and look for effects."""
    return [
        await _ends_at_the_mark(bench, Stopped(), "told to stop at the mark, it does nothing", trials),
        await _ends_at_the_mark(bench, DeathAtTheMark(), "dead at the mark, it has done nothing", trials),
        await _dies_before_the_mark(bench, trials),
    ]


async def _ends_at_the_mark(bench: Bench, fault: InTheProcess, what: str, trials: int) -> Check:
    if isinstance(fault, DeathAtTheMark) and not bench.forks:
        return not_made(CLAIM, what, bench.impossible(Death))

    async def end(case: Case, number: int) -> bool:
        came = await bench.attempt(case, fault)
        return came.seen or came.ended == "returned"  # it never called the mark: then it must do nothing

    return await _tried(bench, Check(CLAIM, what), trials, end)


async def _dies_before_the_mark(bench: Bench, trials: int) -> Check:
    what = "dead anywhere before the mark, it has done nothing"
    if why := bench.impossible(Death):
        return not_made(CLAIM, what, why)
    before = await _points_before_the_mark(bench)
    if not before:
        return not_made(CLAIM, what, "nothing leaves the process before the mark")

    async def end(case: Case, number: int) -> bool:
        came = await bench.attempt(case, Death(1 + number % before))
        return came.seen and not came.marked

    return await _tried(bench, Check(CLAIM, what), trials, end)


async def _tried(bench: Bench, check: Check, trials: int, end: End) -> Check:
    """Several attempts at a time: each is counted at once, and then the world must be as before all of them."""

    async def trial(number: int, size: int) -> int:
        cases = [await bench.case() for _ in range(size)]
        before = await bench.world()
        ended = [await end(case, turn) for turn, case in enumerate(cases, number)]
        for case in (case for case, came_to_it in zip(cases, ended, strict=True) if came_to_it):
            await _nothing(case, bench)
        if all(ended):
            await _changed_nothing(cases, before, bench)
        else:
            await asyncio.sleep(bench.rest)  # the others may have taken effect: let that land before the next look
        return sum(ended)

    await asyncio.sleep(bench.rest)  # what was done before this check may still land
    return await tried(bench, check, trials, trial, at_once=AT_ONCE)


async def _points_before_the_mark(bench: Bench) -> int:
    """How many points an attempt passes that is ended at its mark."""
    case = await bench.case()
    return len((await bench.stopped_at_the_mark(case)).points)


async def _nothing(case: Case, bench: Bench) -> None:
    if there := await bench.count(case):
        case.steps.append(f"count: {there}")
        raise bench.falsified(CLAIM, WHAT, case)
    bench.expect(case, 0, CLAIM, WHAT)


async def _changed_nothing(cases: list[Case], before: Any, bench: Bench) -> None:
    """An effect that is not counted yet, such as a draft or a reservation, is one, too."""
    await asyncio.sleep(GRACE)
    after = await bench.world() if bench.settles else await bench.like(before)
    if not differences(before, after):
        return
    difference = shown(before, after)
    owner = next((case for case in cases if any(map(case.owns, difference))), cases[-1])
    raise bench.falsified(CLAIM, CHANGED, owner, difference)
