"""Verifying a tool: every check that its declarations call for, and what they found."""

import time
from typing import Any

from agentkit.effects import Blind, Checkable, Compensable, Delayable, ExactInverse, Findable, ReadOnly
from agentkit.tool import Tool
from agentkit_tools.testing.bench import Bench
from agentkit_tools.testing.claims.compensations import check_compensations
from agentkit_tools.testing.claims.endings import check_endings
from agentkit_tools.testing.claims.inverses import check_inverses
from agentkit_tools.testing.claims.marks import check_marks
from agentkit_tools.testing.claims.probes import check_probes
from agentkit_tools.testing.claims.reads import check_reads
from agentkit_tools.testing.claims.repeats import check_repeats
from agentkit_tools.testing.claims.road import check_road
from agentkit_tools.testing.opening import bench_for
from agentkit_tools.testing.report import Check, Report
from agentkit_tools.testing.staging import Staging
from agentkit_tools.testing.trials import not_made


async def verify(staging: Staging, trials: int = 100) -> Report:
    """Try to falsify everything that the staging's first tool declares.

    Args:
        staging: the tool at its staging server. It is entered and left here.
        trials: how often each thing is tried; only trials of which the fault was seen to happen count.

    Raises:
        DeveloperMistake: the staging cannot serve: its first call fails, or is not counted.
    """
    began = time.monotonic()
    async with bench_for(staging) as bench:
        checks = [*await _repetition(bench, trials), *await _reversal(bench, trials), *await check_road(bench, trials)]
        tool = bench.tool
    return Report(tool.name, _repeat(tool), type(tool.undo).__name__, checks, round(time.monotonic() - began, 1))


async def _repetition(bench: Bench, trials: int) -> list[Check]:
    marks = await check_marks(bench, trials) if bench.tool.marked else []
    match bench.tool.repeat:
        case ReadOnly():
            return await check_reads(bench, trials)
        case Checkable() | Findable():
            return [*marks, *await check_probes(bench, trials)]
        case Blind():
            return [*marks, *await check_endings(bench, trials)]
        case _:
            return await check_repeats(bench, trials)


async def _reversal(bench: Bench, trials: int) -> list[Check]:
    match bench.tool.undo:
        case ExactInverse():
            return await check_inverses(bench, trials)
        case Compensable():
            return await check_compensations(bench, trials)
        case Delayable():
            return [not_made("Delayable", "it is kept back", "the road keeps it, not the tool")]
        case _:
            return []


def _repeat(tool: Tool[..., Any]) -> str:
    return type(tool.repeat).__name__ + (" (marked)" if tool.marked else "")
