"""`ReadOnly`: the world is as before, whatever happens."""

from agentkit_tools.testing.bench import KINDS, Bench, Kind
from agentkit_tools.testing.claims.words import UNDER
from agentkit_tools.testing.report import Check, differences, shown
from agentkit_tools.testing.trials import not_made, tried

CLAIM = "ReadOnly"


async def check_reads(bench: Bench, trials: int) -> list[Check]:
    """Call, with and without faults, and compare the whole world."""
    return [await _changes_nothing(bench, kind, trials) for kind in (None, *KINDS)]


async def _changes_nothing(bench: Bench, kind: Kind | None, trials: int) -> Check:
    check = Check(CLAIM, f"nothing changes, {UNDER[kind]}")
    if kind and (why := bench.impossible(kind)):
        return not_made(CLAIM, check.what, why)

    async def trial(number: int, size: int) -> int:
        case = await bench.case()
        before = await bench.world()
        came = await bench.attempt(case, kind and bench.fault(kind, number))
        await bench.release(case)
        after = await bench.world() if bench.settles else await bench.like(before)
        if differences(before, after):
            raise bench.falsified(CLAIM, "it changed the world", case, shown(before, after))
        return int(came.seen)

    return await tried(bench, check, trials, trial)
