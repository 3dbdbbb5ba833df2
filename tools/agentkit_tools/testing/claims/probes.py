"""`Checkable` and `Findable`: what the probe says is true, and for `Checkable` also what it does not say."""

import asyncio
import secrets
import time
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from agentkit.effects import Checkable
from agentkit_tools.testing.attempt import Attempt
from agentkit_tools.testing.bench import GRACE, KINDS, Bench, Case, Kind
from agentkit_tools.testing.claims.words import UNDER
from agentkit_tools.testing.faults import LateRequest
from agentkit_tools.testing.report import Check, shown
from agentkit_tools.testing.trials import not_made, tried

LONGEST_WAIT: Final = 90.0
"""Seconds of `may_land` that are waited for; each kind of fault waits once for all its trials."""
LATE_BY: Final = 0.5
"""A late request arrives after this share of `may_land`."""
SHORTEST: Final = 0.2
"""Seconds of `may_land` below which nothing can be late and yet in time."""

T = TypeVar("T")

AT_ONCE: Final = 25
"""So many cases are judged at the same time."""


async def check_probes(bench: Bench, trials: int) -> list[Check]:
    """Everything that can be tried of a declaration with a probe."""
    checks = [await _tells_the_truth(bench, kind, trials) for kind in (None, *KINDS)]
    return [*checks, await _knows_its_own(bench, trials)]


async def _tells_the_truth(bench: Bench, kind: Kind | None, trials: int) -> Check:
    check = Check(_claim(bench), f"the probe tells the truth, {UNDER[kind]}")
    if kind and (why := bench.impossible(kind)):
        return not_made(check.claim, check.what, why)
    if kind is LateRequest and not _waits(bench):
        return not_made(check.claim, check.what, f"nothing may be late: may_land is {bench.may_land:.1f} s")

    async def trial(number: int, size: int) -> int:
        cases = [await bench.case() for _ in range(size)]
        turn = asyncio.Lock()
        found = await asyncio.gather(*(one(case, number + n, turn) for n, case in enumerate(cases)))
        await _judge_all(cases, found, bench)
        return sum(case.attempts[0].seen for case in cases)

    async def one(case: Case, number: int, turn: asyncio.Lock) -> list[Attempt]:
        """An attempt, a look at once, and a look when nothing can land any more."""
        async with turn:
            await bench.attempt(case, kind and bench.fault(kind, number))
            ended = time.monotonic()
        early = await bench.probe(case)
        if case.late:
            await asyncio.sleep(LATE_BY * bench.may_land)
            await bench.release(case)
        if not isinstance(bench.tool.repeat, Checkable):
            return [early]
        if bench.may_land > LONGEST_WAIT:
            return [early]
        await asyncio.sleep(max(0.0, ended + bench.may_land + GRACE - time.monotonic()))
        return [early, await bench.probe(case)]

    found = await tried(bench, check, trials, trial, at_once=trials if bench.may_land or bench.settles else 1)
    if isinstance(bench.tool.repeat, Checkable) and bench.may_land > LONGEST_WAIT:
        why = f"its may_land is {bench.may_land:.0f} s, longer than the kit waits: only what was found was judged"
        return Check(found.claim, found.what, found.trials, found.seen, found.lies, why)
    return found


async def _judge_all(cases: list[Case], found: list[list[Attempt]], bench: Bench) -> None:
    """Many at a time, because what is done again takes its time to land."""
    await _all_of([_judge(*each, bench) for each in zip(cases, found, strict=True)])


async def _judge(case: Case, probed: list[Attempt], bench: Bench) -> None:
    """Compare what the probe said with what an outsider sees.

    Raises:
        Falsified: it lied.
    """
    await bench.truthful(case)
    attempt, last = case.attempts[0], probed[-1]
    there = await _there(case, probed, bench)
    case.steps.append(f"count: {there}")
    if attempt.ended == "returned" and there != 1:
        what = f"it returned, and it is there {there} times"
        raise bench.falsified("returns" if there == 0 else _claim(bench), what, case)
    for found in (each for each in probed if _found(each)):
        if there == 0:
            raise bench.falsified(_claim(bench), "the probe found what is not there", case)
        if attempt.ended == "returned" and (difference := shown(attempt.result, found.result)):
            lines = [f"result: {line}" for line in difference]
            raise bench.falsified(_claim(bench), "the probe's result is not what the call returned", case, lines)
    if len(probed) == 2 and last.ended == "returned" and not _found(last):
        if there:
            what = "the probe did not find what is there, though nothing may land any more"
            raise bench.falsified(_claim(bench), what, case)
        await _do_it_after_all(case, bench)


async def _there(case: Case, probed: list[Attempt], bench: Bench) -> int:
    """How often it is there; what must be there is given time to show."""
    must = case.attempts[0].ended == "returned" or any(map(_found, probed))
    return await bench.counted(case, 1) if must else await bench.count(case)


async def _do_it_after_all(case: Case, bench: Bench) -> None:
    """What the road does when it was not there: what came meanwhile would be a second effect."""
    if bench.settles:
        await asyncio.sleep(bench.settles)
        if there := await bench.count(case):
            case.steps.append(f"{bench.settles} s later: count is {there}")
            raise bench.falsified(_claim(bench), "it took effect after the probe had not found it", case)
    again = await bench.attempt(case, by=bench.second)
    if again.ended != "returned":
        return
    there = await bench.counted(case, 1)
    what = "done again because the probe had not found it, it is not there once"
    if there != 1:
        case.steps.append(f"count: {there}")
        raise bench.falsified(_claim(bench), what, case)
    bench.expect(case, 1, _claim(bench), what)


async def _knows_its_own(bench: Bench, trials: int) -> Check:
    check = Check(_claim(bench), "the probe does not take another action's effect for its own")

    async def trial(number: int, size: int) -> int:
        cases = [await bench.case() for _ in range(size)]
        return sum(await _all_of([one(case) for case in cases]))

    async def one(case: Case) -> int:
        came = await bench.attempt(case)
        if came.ended != "returned":
            return 0
        await bench.counted(case, 1)
        other = await bench.probe(case, key=secrets.token_hex(32))
        if _found(other):
            raise bench.falsified(_claim(bench), "the probe took another action's effect for its own", case)
        return int(other.ended == "returned")

    return await tried(bench, check, trials, trial, at_once=AT_ONCE if bench.may_land or bench.settles else 1)


async def _all_of(work: list[Coroutine[Any, Any, T]]) -> list[T]:
    """All of it, a part of it at the same time; then the first of the errors, if there is one."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(each: Coroutine[Any, Any, T]) -> T:
        async with room:
            return await each

    done: list[T] = []
    for result in await asyncio.gather(*map(one, work), return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
        done.append(result)
    return done


def _found(probe: Attempt) -> bool:
    return probe.ended == "returned" and (probe.result is not None or bool(probe.reason))


def _waits(bench: Bench) -> bool:
    return SHORTEST <= bench.may_land <= LONGEST_WAIT


def _claim(bench: Bench) -> str:
    return type(bench.tool.repeat).__name__
