"""The real road: an agent is killed at every point, another resumes, and the outcome is true to what is there."""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from agentkit.agent import Agent
from agentkit.call import Proposal, Slot
from agentkit.effects import (
    Blind,
    Compensable,
    Delayable,
    ExactInverse,
    Findable,
    Irreversible,
    ReadOnly,
)
from agentkit.settings import Settings
from agentkit.tool import Tool
from agentkit_tools.testing.bench import GRACE, Bench, Case
from agentkit_tools.testing.child import Ended, run_in_child
from agentkit_tools.testing.faults import Death
from agentkit_tools.testing.report import Check, differences, shown
from agentkit_tools.testing.staging import Staging
from agentkit_tools.testing.trials import not_made, tried

PERSON: Final = "the conformance kit"
LONGEST_WAIT: Final = 90.0
"""Seconds of `may_land` that are waited for."""
LONGEST: Final = 300.0
"""Seconds in which a resumption of all runs must have ended."""
TRUTH, BACK = "killed anywhere and resumed, the outcome is true", "an undo plan takes back what was done"


@dataclass
class Road:
    """One journal, and the agents that are opened on it, each in a process of its own."""

    bench: Bench
    folder: Path
    agent: Agent
    done: list[Case] = field(default_factory=list[Case])

    @staticmethod
    def on(bench: Bench, folder: Path) -> "Road":
        """A journal in this folder; the policy lets everything through."""
        settings = Settings(patience=timedelta(seconds=min(bench.may_land, LONGEST_WAIT) + 5))
        tools = [_unheld(tool) for tool in bench.toolbox]
        agent = Agent(
            tools=tools, policy="unsafe_allow_all", journal=f"sqlite:///{folder / 'acts.db'}", name="verify",
            settings=settings,
        )  # fmt: skip
        return Road(bench, folder, agent)

    async def act(self, run: str, proposal: Proposal[Any], at: int | None) -> Ended:
        """In a process that dies there."""

        async def job() -> Any:
            async with self.agent:
                return (await self.agent.act(proposal, run=run)).as_data()

        return await run_in_child(job, Death(at), seconds=LONGEST)

    async def resume(self, runs: dict[str, Proposal[Any]]) -> dict[str, dict[str, Any]]:
        """In one process, all of them, as the same programs started again."""

        async def one(run: str, proposal: Proposal[Any]) -> dict[str, Any]:
            outcome = await self.agent.act(proposal, run=run)
            if not outcome.final:
                await self.agent.resume(run)
                outcome = await self.agent.advance(Slot(run, 0, 0).action_id)
            return outcome.as_data()

        async def job() -> Any:
            async with self.agent:
                outcomes = await asyncio.gather(*(one(*each) for each in runs.items()))
                return dict(zip(runs, outcomes, strict=True))

        return _reported(await run_in_child(job, seconds=LONGEST), "resuming")

    async def take_back(self, runs: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Plan the undo of each run and carry it out, the newest first."""

        async def job() -> Any:
            undone: dict[str, dict[str, Any]] = {}
            async with self.agent:
                for run in reversed(runs):
                    plan = await self.agent.undo_plan(run)
                    ended = await plan.carry_out(by=PERSON)
                    costs = [step.cost["cost"] for step in plan.compensates if step.cost]
                    undone[run] = {"status": ended.status, "report": ended.answer, "costs": costs}
            return undone

        return _reported(await run_in_child(job, seconds=LONGEST), "taking back")


async def check_road(bench: Bench, trials: int) -> list[Check]:
    """Kill the acting process, resume in another, and take back what was done in a third."""
    claim = type(bench.tool.repeat).__name__
    if not bench.forks:
        return [not_made(claim, TRUTH, bench.impossible(Death))]
    if bench.may_land > LONGEST_WAIT:
        return [not_made(claim, TRUTH, f"its may_land is {bench.may_land:.0f} s, longer than the kit waits")]
    folder = Path(tempfile.mkdtemp(prefix="agentkit-verify-"))
    try:
        return await _checked(Road.on(bench, folder), claim, trials)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _checked(road: Road, claim: str, trials: int) -> list[Check]:
    bench = road.bench
    points = await _points_of(road)
    ready = [await bench.case() for _ in range(trials + trials // 4 + 2)]
    before = await bench.world()  # with everything that the calls needed, and none of them made

    async def trial(number: int, size: int) -> int:
        cases = ready[number : number + size]
        seen = 0
        for turn, case in enumerate(cases, number):
            ended = await road.act(_run(case), case.proposal, 1 + _spread(turn, trials, points))
            last = ended.points[-1] if ended.points else "before its first cut point"
            case.fault = f"the process died {last}" if ended.seen else ""
            case.steps.append(f"agent.act in a process that ended with {ended.exit}")
            seen += ended.seen
        await asyncio.sleep(GRACE)
        outcomes = await road.resume({_run(case): case.proposal for case in cases})
        for case in cases:
            await _judge(case, outcomes[_run(case)], road, claim)
        return seen

    truth = await tried(bench, Check(claim, TRUTH), trials, trial, at_once=trials)
    if truth.lies or not isinstance(bench.tool.undo, ExactInverse | Compensable) or not road.done:
        return [truth]
    return [truth, await _taken_back(road, before)]


async def _points_of(road: Road) -> int:
    """How many points one act passes, once the journal is there."""
    first, second = await road.bench.case(), await road.bench.case()
    _ended_well(await road.act(_run(first), first.proposal, None))
    return len(_ended_well(await road.act(_run(second), second.proposal, None)).points)


def _spread(turn: int, trials: int, points: int) -> int:
    """Every point has its turn; with fewer trials than points they are spread over all of them."""
    return turn % points if trials >= points else (turn * points // trials) % points


async def _judge(case: Case, outcome: dict[str, Any], road: Road, claim: str) -> None:
    """An outcome must be true to what is there, and no doubt is left where the declaration allows none."""
    bench, status = road.bench, outcome["status"]
    case.steps.append(f"resumed in another process: {status} ({outcome['reason']})")
    if isinstance(bench.tool.repeat, ReadOnly) or status in ("partial", "refused"):
        return
    wanted = {"done": 1, "failed": 0}.get(status)
    there = await bench.count(case) if wanted is None else await bench.counted(case, wanted)
    case.steps.append(f"count: {there}")
    if wanted is not None and there != wanted:
        raise bench.falsified(claim, f"the outcome is {status}, and it is there {there} times", case)
    if there > 1:
        raise bench.falsified(claim, f"it is there {there} times", case)
    if status != "done" and wanted is None and not isinstance(bench.tool.repeat, Blind | Findable):
        raise bench.falsified(claim, f"killed and resumed, its outcome is {status}: a person has to look", case)
    if status == "done":
        road.done.append(case)


async def _taken_back(road: Road, before: Any) -> Check:
    """All that was done, newest first; for an exact inverse the world is then as before all of it."""
    bench = road.bench
    check = Check(type(bench.tool.undo).__name__, BACK)
    exact = isinstance(bench.tool.undo, ExactInverse)

    async def trial(number: int, size: int) -> int:
        undone = await road.take_back([_run(case) for case in road.done])
        for case in road.done:
            await _judge_undo(case, undone[_run(case)], bench, check.claim)
        if exact and differences(before, after := await bench.like(before)):
            difference = shown(before, after)
            owner = next((case for case in road.done if any(map(case.owns, difference))), road.done[-1])
            raise bench.falsified(check.claim, "after the undo the world is not as before", owner, difference)
        return len(road.done)

    return await tried(bench, check, len(road.done), trial, at_once=len(road.done))


async def _judge_undo(case: Case, undone: dict[str, Any], bench: Bench, claim: str) -> None:
    case.steps.append(f"undo plan carried out: {undone['status']} {undone['report']}")
    if undone["report"]["stuck"]:
        raise bench.falsified(claim, "its undo plan is stuck, though nobody else had changed anything", case)
    if there := await bench.counted(case, 0):
        case.steps.append(f"count: {there}")
        raise bench.falsified(claim, f"after its undo it still stands {there} times", case)
    if undone["costs"] and type(bench.staging).paid is not Staging.paid:
        paid, quoted = await bench.staging.paid(case.n), Decimal(str(undone["costs"][0]))
        if paid > quoted:
            difference = [f"quoted: {quoted}, paid: {paid}"]
            raise bench.falsified(claim, "its undo cost more than was quoted", case, difference)


def _unheld(tool: Tool[..., Any]) -> Tool[..., Any]:
    """The road keeps a `Delayable` tool back by itself; there is nothing to learn from waiting."""
    return replace(tool, undo=Irreversible()) if isinstance(tool.undo, Delayable) else tool


def _run(case: Case) -> str:
    return f"verify-{case.n}"


def _ended_well(ended: Ended) -> Ended:
    if ended.exit != 0:
        raise RuntimeError(f"a process of the kit ended with {ended.exit}; what it printed above says why")
    return ended


def _reported(ended: Ended, what: str) -> Any:
    if ended.report is None:
        raise RuntimeError(f"{what}, a process of the kit ended with {ended.exit}; what it printed above says why")
    return ended.report
