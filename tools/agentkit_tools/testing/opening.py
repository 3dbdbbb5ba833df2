"""Opening the bench: the staging, the wire and the hands, and a few calls to get to know the tool."""

import contextlib
import time
from collections.abc import AsyncGenerator
from typing import Final

from agentkit.effects import ReadOnly
from agentkit.errors import DeveloperMistake
from agentkit.toolbox import Toolbox
from agentkit_tools.testing.bench import Bench, soon
from agentkit_tools.testing.faults import Death, LostAnswer
from agentkit_tools.testing.hand import Here, Worker
from agentkit_tools.testing.staging import Staging
from agentkit_tools.testing.wire import Wire

FIRST_EFFECT: Final = 2.0
"""Seconds in which the first effect must show where nothing is declared."""
MOST_PLACES: Final = 20
"""Through so many answers the effect is looked for."""


@contextlib.asynccontextmanager
async def bench_for(staging: Staging) -> AsyncGenerator[Bench]:
    """Open the staging, start the hands, and get to know the tool by a few calls.

    Raises:
        DeveloperMistake: the staging cannot serve: its first call fails, or what it does is not counted.
    """
    async with staging:
        if not staging.tools:
            raise DeveloperMistake("the staging has no tools: the one under test comes first")
        toolbox = Toolbox(staging.tools)
        with Wire() as wire:
            workers = [Worker(toolbox, wire, "the first worker"), Worker(toolbox, wire, "the second worker")]
            for worker in workers:
                await worker.start()
            try:
                bench = Bench(staging, wire, toolbox, workers[0], workers[1])
                await _get_to_know(bench)
                yield bench
            finally:
                for worker in workers:
                    await worker.stop()


async def _get_to_know(bench: Bench) -> None:
    if bench.tool.read_only:
        bench.first = bench.second = Here(bench.toolbox, bench.wire)
    elif not await _takes_effect(bench):
        bench.first = bench.second = Here(bench.toolbox, bench.wire)
        bench.forks = False
        if not await _takes_effect(bench):
            raise DeveloperMistake(
                f"{bench.tool.name} returned, and count(n) stays 0: the tool does nothing, or count looks elsewhere"
            )
    await _talks(bench)
    if bench.forks:
        case = await bench.case()
        bench.points = (await bench.attempt(case, Death(None))).points


async def _takes_effect(bench: Bench) -> bool:
    """Whether a call without any fault is seen by the staging."""
    case = await bench.case()
    began = time.monotonic()
    came = await bench.attempt(case)
    if came.ended != "returned":
        raise DeveloperMistake(f"the first call of the staging must return, but {case.steps[-1]}")
    patience = max(bench.settles, bench.may_land, FIRST_EFFECT)
    seen = await soon(lambda: bench.staging.count(case.n), bool, patience)
    bench.lag = max(bench.lag, time.monotonic() - began) if seen else bench.lag
    return bool(seen)


async def _talks(bench: Bench) -> None:
    """How many requests and answers an attempt takes, and after which answer the effect is there."""
    case = await bench.case()
    armed = bench.wire.arm(bench.first.name, None)
    began = time.monotonic()
    await bench.attempt(case)
    bench.pace = time.monotonic() - began
    await bench.wire.disarm(bench.first.name)
    bench.requests, bench.answers = armed.requests, armed.answers
    if isinstance(bench.tool.repeat, ReadOnly):
        return
    for at in range(1, min(bench.answers, MOST_PLACES) + 1):
        case = await bench.case()
        came = await bench.attempt(case, LostAnswer(at))
        if came.seen and await soon(lambda n=case.n: bench.staging.count(n), bool, 2 * bench.lag):
            bench.telling_answer, bench.telling_request = at, came.requests
            return
