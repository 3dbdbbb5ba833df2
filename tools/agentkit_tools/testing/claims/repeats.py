"""`Idempotent` and `Keyed`: however often the same action is sent, and whatever breaks, there is one effect."""

import asyncio
from datetime import timedelta
from typing import Any

from agentkit.effects import Keyed
from agentkit_tools.testing.bench import KINDS, Bench, Case, Kind
from agentkit_tools.testing.claims.words import UNDER
from agentkit_tools.testing.faults import LateRequest, LostAnswer
from agentkit_tools.testing.report import Check, differences, shown
from agentkit_tools.testing.trials import not_made, tried

INTERLEAVED = 5
"""So many actions are sent before the first of them is repeated."""
LONGEST_RETENTION = timedelta(seconds=15)
"""A retention up to this is waited for."""
REMEMBERED = 50
"""So many old actions are repeated when everything else has been tried."""


async def check_repeats(bench: Bench, trials: int) -> list[Check]:
    """Everything that can be tried of a declaration that allows sending again."""
    done: list[Case] = []
    checks = [await _one_effect(bench, kind, trials, done) for kind in (None, *KINDS)]
    if isinstance(bench.tool.repeat, Keyed):
        checks += [
            await _one_effect_at_once(bench, trials),
            await _two_keys(bench, trials),
            await _remembered(bench, done[:REMEMBERED]),
            await _retained(bench, bench.tool.repeat.retention, min(trials, 20)),
        ]
    return checks


async def _one_effect(bench: Bench, kind: Kind | None, trials: int, done: list[Case]) -> Check:
    check = Check(_claim(bench), f"sent again, there is one effect, {UNDER[kind]}")
    if kind and (why := bench.impossible(kind)):
        return not_made(check.claim, check.what, why)

    async def trial(number: int, size: int) -> int:
        cases = [await bench.case() for _ in range(size)]
        for turn, case in enumerate(cases, number):
            await bench.attempt(case, kind and bench.fault(kind, turn))
            if kind is not LateRequest:
                await bench.truthful(case)
                bench.expected.pop(case.n, None)  # from here on it may well be there
        after_first = await _world_after(cases, kind, bench)
        await _send_again(cases, bench)
        await _let_the_late_arrive(cases, kind, bench)
        await _compare(after_first, cases, "sent again, it changed the world once more", bench)
        done.extend(cases if kind is None else [])
        return sum(case.attempts[0].seen for case in cases)

    at_once = INTERLEAVED if isinstance(bench.tool.repeat, Keyed) or bench.settles else 1
    return await tried(bench, check, trials, trial, at_once=at_once)


async def _world_after(cases: list[Case], kind: Kind | None, bench: Bench) -> Any | None:
    """The world that must not change any more; None when not all effects are there, or nobody can know."""
    if kind not in (None, LostAnswer):
        return None
    for case in cases:
        there = await bench.counted(case, 1) if case.attempts[0].ended == "returned" else await bench.count(case)
        if there != 1:
            return None
    return await bench.world()


async def _send_again(cases: list[Case], bench: Bench) -> None:
    for case in cases:
        again = await bench.attempt(case, by=bench.second)
        if again.ended == "error":  # a server may be slow, or still be at the first one
            again = await bench.attempt(case, by=bench.second)
        _same_results(case, bench)
    for case in cases:
        returned = any(attempt.ended == "returned" for attempt in case.attempts)
        there = await bench.counted(case, 1) if returned else await bench.count(case)
        if there > 1 or (returned and there < 1):
            _steps(case, there)
            what = f"sent again, it took effect {there} times" if there else "it returned, and nothing is there"
            raise bench.falsified(_claim(bench), what, case)
        if returned:
            bench.expect(case, 1, _claim(bench), "sent again, it took effect once more, later")


def _same_results(case: Case, bench: Bench) -> None:
    """What a server that deduplicates by key answers to a repetition is what it answered first."""
    if not isinstance(bench.tool.repeat, Keyed):
        return
    results = [attempt.result for attempt in case.attempts if attempt.ended == "returned"]
    last = case.attempts[-1]
    if results and last.ended in ("failed", "partial"):
        raise bench.falsified("Keyed", "sent again after it had happened, it did not return", case)
    for result in results[1:]:
        if difference := shown(results[0], result):
            lines = [f"result: {line}" for line in difference]
            raise bench.falsified("Keyed", "sent again, it returned another result", case, lines)


async def _let_the_late_arrive(cases: list[Case], kind: Kind | None, bench: Bench) -> None:
    if kind is not LateRequest:
        return
    before = await bench.world()
    for case in cases:
        await bench.release(case)
    await _compare(before, cases, "the first request arrived after the second and changed the world again", bench)
    for case in cases:
        returned = any(attempt.ended == "returned" for attempt in case.attempts)
        if returned and (there := await bench.counted(case, 1)) != 1:
            _steps(case, there)
            raise bench.falsified(_claim(bench), f"when the late request had arrived, count was {there}", case)


async def _compare(before: Any | None, cases: list[Case], what: str, bench: Bench) -> None:
    if before is None:
        return
    after = await bench.world() if bench.settles else await bench.like(before)
    if not differences(before, after):
        return
    difference = shown(before, after)
    owner = next((case for case in cases if any(case.owns(line) for line in difference)), cases[-1])
    if len(cases) > 1:
        owner.steps.append(f"between the attempts: as much for {len(cases) - 1} other actions")
    raise bench.falsified(_claim(bench), what, owner, difference)


async def _one_effect_at_once(bench: Bench, trials: int) -> Check:
    check = Check("Keyed", "sent several times at once, there is one effect")

    async def trial(number: int, size: int) -> int:
        case = await bench.case()
        hands = (bench.first, bench.second, bench.first)
        await asyncio.gather(*(bench.attempt(case, by=hand) for hand in hands))
        case.fault = f"{len(hands)} attempts at the same time"
        await _send_again([case], bench)
        return 1

    return await tried(bench, check, trials, trial)


async def _two_keys(bench: Bench, trials: int) -> Check:
    check = Check("Keyed", "two keys with equal arguments are two effects, or the second is refused")

    async def trial(number: int, size: int) -> int:
        case = await bench.case()
        one = await bench.attempt(case)
        other = Case(case.n, case.proposal, bench.order(case.proposal), case.action, steps=case.steps)
        other.steps.append("another action with the same arguments:")
        two = await bench.attempt(other, by=bench.second)
        if one.ended != "returned" or two.ended == "error":
            return 0
        wanted = 2 if two.ended == "returned" else 1
        there = await bench.counted(case, wanted)
        if there != wanted:
            _steps(case, there)
            what = "two actions with different keys and equal arguments returned, but are not two effects"
            raise bench.falsified("Keyed", what, case)
        return 1

    return await tried(bench, check, trials, trial)


async def _remembered(bench: Bench, done: list[Case]) -> Check:
    check = Check("Keyed", "sent again after many others, there is one effect")
    if not done:
        return not_made(check.claim, check.what, "no action was finished without a fault")
    old = iter(done)

    async def trial(number: int, size: int) -> int:
        case = next(old)
        case.steps.append(f"{bench.calls_so_far - case.n} other calls")
        await _send_again([case], bench)
        return 1

    return await tried(bench, check, len(done), trial)


async def _retained(bench: Bench, retention: timedelta, trials: int) -> Check:
    check = Check("Keyed", f"sent again at the end of its retention ({retention}), there is one effect")
    if retention > LONGEST_RETENTION:
        return not_made(check.claim, check.what, "that is longer than the kit waits")

    async def trial(number: int, size: int) -> int:
        cases = [await bench.case() for _ in range(size)]
        for case in cases:
            await bench.attempt(case)
        await asyncio.sleep(0.9 * retention.total_seconds())
        for case in cases:
            case.steps.append(f"{0.9 * retention.total_seconds():.1f} s later:")
        await _send_again(cases, bench)
        return len(cases)

    return await tried(bench, check, trials, trial, at_once=trials)


def _claim(bench: Bench) -> str:
    return type(bench.tool.repeat).__name__


def _steps(case: Case, there: int) -> None:
    case.steps.append(f"count: {there}")
