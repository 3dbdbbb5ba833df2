"""`marked=True`: whatever ends before the point of no return has no effect."""

from agentkit_tools.testing.bench import Bench, Case
from agentkit_tools.testing.faults import Death, DeathAtTheMark, InTheProcess, Stopped
from agentkit_tools.testing.report import Check
from agentkit_tools.testing.trials import not_made, tried

CLAIM = "marked"
WHAT = "it took effect before its point of no return, or without calling it"


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

    async def trial(number: int, size: int) -> int:
        case = await bench.case()
        came = await bench.attempt(case, fault)
        came_to_it = came.seen or came.ended == "returned"  # it never called the mark: then it must do nothing
        if came_to_it:
            await _nothing(case, bench)
        return int(came_to_it)

    return await tried(bench, Check(CLAIM, what), trials, trial)


async def _dies_before_the_mark(bench: Bench, trials: int) -> Check:
    what = "dead anywhere before the mark, it has done nothing"
    if why := bench.impossible(Death):
        return not_made(CLAIM, what, why)
    before = await _points_before_the_mark(bench)
    if not before:
        return not_made(CLAIM, what, "nothing leaves the process before the mark")

    async def trial(number: int, size: int) -> int:
        case = await bench.case()
        came = await bench.attempt(case, Death(1 + number % before))
        if not came.seen or came.marked:
            return 0
        await _nothing(case, bench)
        return 1

    return await tried(bench, Check(CLAIM, what), trials, trial)


async def _points_before_the_mark(bench: Bench) -> int:
    """How many points an attempt passes that is ended at its mark."""
    case = await bench.case()
    return len((await bench.stopped_at_the_mark(case)).points)


async def _nothing(case: Case, bench: Bench) -> None:
    if there := await bench.count(case):
        case.steps.append(f"count: {there}")
        raise bench.falsified(CLAIM, WHAT, case)
    bench.expect(case, 0, CLAIM, WHAT)
