"""What every tool promises by the way it ends: `ToolFailed` says that nothing happened, returning that it did."""

from agentkit_tools.testing.bench import KINDS, Bench, Kind
from agentkit_tools.testing.claims.words import UNDER
from agentkit_tools.testing.report import Check
from agentkit_tools.testing.trials import not_made, tried


async def check_endings(bench: Bench, trials: int) -> list[Check]:
    """For tools that are neither repeated nor probed: those checks look at the endings, too."""
    return [await _ends_in_truth(bench, kind, trials) for kind in (None, *KINDS)]


async def _ends_in_truth(bench: Bench, kind: Kind | None, trials: int) -> Check:
    check = Check("ToolFailed" if kind else "returns", f"its ending tells the truth, {UNDER[kind]}")
    if kind and (why := bench.impossible(kind)):
        return not_made(check.claim, check.what, why)

    async def trial(number: int, size: int) -> int:
        case = await bench.case()
        came = await bench.attempt(case, kind and bench.fault(kind, number))
        await bench.release(case)
        await bench.truthful(case)
        if came.ended == "returned" and (there := await bench.counted(case, 1)) != 1:
            case.steps.append(f"count: {there}")
            raise bench.falsified("returns", f"it returned, and it is there {there} times", case)
        if came.ended == "returned":
            bench.expect(case, 1, "returns", "it returned, and later it was not there once")
        return int(came.seen)

    return await tried(bench, check, trials, trial)
