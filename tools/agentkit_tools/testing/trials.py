"""Trying one thing many times, until it has been seen often enough or was falsified once."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from agentkit_tools.testing.bench import Bench, Falsified
from agentkit_tools.testing.report import Check

MISSES: Final = 20
"""After so many trials in a row without the fault it is given up."""

Trial = Callable[[int, int], Awaitable[int]]
"""`async (number of the first, how many)`: makes so many trials at once; how many of them saw their fault."""


async def tried(bench: Bench, check: Check, trials: int, trial: Trial, *, at_once: int = 1) -> Check:
    """Make the trials. One falsification is enough: a claim that fails once does not hold."""
    made = seen = missed = 0
    began = time.monotonic()
    try:
        while seen < trials and missed < MISSES:
            size = min(at_once, trials - seen)
            found = await trial(made, size)
            made, seen = made + size, seen + found
            missed = 0 if found else missed + size
        await bench.look_again()
    except Falsified as falsified:
        return replace(check, trials=made + 1, seen=seen + 1, lies=(falsified.lie,), seconds=_since(began))
    finally:
        bench.expected.clear()
    return replace(check, trials=made, seen=seen, not_made=_why(made, seen, trials), seconds=_since(began))


def _since(began: float) -> float:
    return round(time.monotonic() - began, 2)


def _why(made: int, seen: int, wanted: int) -> str:
    return "" if seen >= wanted else f"only {seen} of {made} trials came to it"


def not_made(claim: str, what: str, why: str) -> Check:
    """What could not be checked, and why."""
    return Check(claim, what, not_made=why)
