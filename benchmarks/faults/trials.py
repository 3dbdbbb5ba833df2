"""One trial: prepare a call, let a fault happen to it, let another process take it up, and ask the server."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from agentkit.call import Proposal
from agentkit_tools.testing import Staging
from agentkit_tools.testing.child import Ended, run_in_child
from agentkit_tools.testing.faults import Death, Fault, HungUp, LateRequest, LostAnswer, Undelivered
from agentkit_tools.testing.wire import Wire
from benchmarks.faults.jobs import Job, on_the_road, retried, taken_back_on_the_road

Ways = Callable[[Proposal[Any], str], Job]
"""A way to do a call, given where its journal is."""

MOST_PLACES = 64
"""A tool that speaks more often than that is not tried at every place."""
LATE = 0.4
"""Seconds after which a late request arrives: later than a retry that does not wait."""

KINDS: dict[str, type[Any]] = {
    "killed": Death,
    "lost acknowledgement": LostAnswer,
    "hung up": HungUp,
    "undelivered": Undelivered,
    "late effect": LateRequest,
}


@dataclass
class Tally:
    """What the trials of one way under one fault showed on the server."""

    trials: int = 0
    """In which the fault was seen to happen."""
    duplicates: int | None = 0
    """None: by the nature of the tool a second effect cannot be told from the first."""
    silent_losses: int = 0
    """Ended otherwise than the server says, or did not end at all, and nobody was told of a doubt."""
    clobbers: int = 0
    escalations: int = 0
    """Reported in doubt, for a person."""
    not_done: int = 0
    """Failed or refused, and truly so: nothing is there."""
    examples: list[str] = field(default_factory=list[str])

    def add(self, there: int, status: str, what: str) -> None:
        """Judge one trial by what the server has."""
        self.trials += 1
        if there > 1 and self.duplicates is not None:
            self.duplicates += 1
            self._show(f"{what}: it is there {there} times")
        match status:
            case "in_doubt":
                self.escalations += 1
                self._show(f"{what}: in doubt")
            case "done" | "partial" if there > 0:
                pass
            case "failed" | "refused" if there == 0:
                self.not_done += 1
            case _:
                self.silent_losses += 1
                self._show(f"{what}: it ended as {status!r} and is there {there} times")

    def as_data(self) -> dict[str, Any]:
        """As JSON."""
        return dict(vars(self))

    def _show(self, example: str) -> None:
        if len(self.examples) < 5:
            self.examples.append(example)


@dataclass
class Trials:
    """One tool at its server, and the wire that leads to it."""

    staging: Staging
    wire: Wire
    folder: Path
    countable: bool = True
    """Whether an outsider can tell two effects of one call from one."""
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    async def road(self, kind: str, wanted: int) -> Tally:
        """So many trials down the road, at every place in turn."""
        return await self._trials(kind, wanted, self._on_the_road)

    async def naive(self, kind: str, wanted: int) -> Tally:
        """The same with a program that only retries, and is started again when it died."""

        def job(proposal: Proposal[Any], journal: str) -> Job:
            return retried(self.staging.tools[0], proposal)

        return await self._trials(kind, wanted, job)

    async def forgotten(self, wanted: int, forget: Callable[[Any], None]) -> Tally:
        """The process died with its request sent, and when another takes it up the server has forgotten its keys."""
        tally = self._tally()
        points = await self._points(self._on_the_road)
        sent = max(number for number, point in enumerate(points, 1) if point.startswith("after write"))
        for _ in range(2 * wanted):
            if tally.trials >= wanted:
                break
            n, proposal, journal = await self._call()
            ended = await run_in_child(on_the_road(self.staging.tools, proposal, journal), Death(sent))
            if not ended.seen or not await self._arrived(n):
                continue
            forget(self.staging)
            again = await run_in_child(on_the_road(self.staging.tools, proposal, journal))
            tally.add(await self._count(n), _status(again), "the server had forgotten the key")
        return tally

    async def raced(self, wanted: int, at_once: int = 5) -> Tally:
        """So many actions at the same time; they count when all of them were under way at one moment."""
        tally = self._tally()
        for _ in range(3 * wanted):
            if tally.trials >= wanted:
                break
            calls = [await self._call() for _ in range(at_once)]
            jobs = [on_the_road(self.staging.tools, proposal, journal) for _, proposal, journal in calls]
            ended = await asyncio.gather(*(run_in_child(job) for job in jobs))
            if not _overlapped(ended):
                continue
            for (n, _, _), each in zip(calls, ended, strict=True):
                tally.add(await self._count(n), _status(each), f"{at_once} at once")
        return tally

    async def edited(self, wanted: int, overwrite: Callable[[Any, Any], None] | None = None) -> Tally:
        """Somebody else edits what a call wrote, and then it is taken back: by our undo, or blindly."""
        tally = self._tally()
        for _ in range(2 * wanted):
            if tally.trials >= wanted:
                break
            n, proposal, journal = await self._call()
            before = await self.staging.world()
            done = await run_in_child(on_the_road(self.staging.tools, proposal, journal))
            written = await self.staging.world()
            await self.staging.edit(n)
            edited = await self.staging.world()
            if _status(done) != "done" or written == edited:
                continue
            status = "stuck"
            if overwrite:
                overwrite(self.staging, before)
            else:
                status = _status(await run_in_child(taken_back_on_the_road(self.staging.tools, journal)))
            await self._settle()
            tally.trials += 1
            tally.clobbers += await self.staging.world() != edited
            tally.silent_losses += status != "stuck"  # an undo that broke down, or says that it has restored
        return tally

    def _tally(self) -> Tally:
        return Tally(duplicates=0 if self.countable else None)

    def _on_the_road(self, proposal: Proposal[Any], journal: str) -> Job:
        return on_the_road(self.staging.tools, proposal, journal)

    async def _trials(self, kind: str, wanted: int, job: Ways) -> Tally:
        tally = self._tally()
        places = _spread(await self._places(KINDS[kind], job), min(wanted, MOST_PLACES))
        for number in range(3 * wanted if places else 0):
            if tally.trials >= wanted:
                break
            await self._trial(KINDS[kind](places[number % len(places)]), job, tally)
        return tally

    async def _trial(self, fault: Fault, job: Ways, tally: Tally) -> None:
        n, proposal, journal = await self._call()
        work = job(proposal, journal)
        wire = None if isinstance(fault, Death) else self.wire
        late = LATE if isinstance(fault, LateRequest) else None
        ended = await run_in_child(work, fault, wire=wire, late=late)
        if not ended.seen:
            return
        if isinstance(fault, Death):
            ended = await run_in_child(work)
        tally.add(await self._count(n), _status(ended), str(fault))

    async def _places(self, kind: type[Any], job: Ways) -> int:
        """At how many places this fault can happen to this job: cut points, requests or answers of a run without it."""
        if kind is Death:
            return len(await self._points(job))
        _, proposal, journal = await self._call()
        ended = await run_in_child(job(proposal, journal), wire=self.wire)
        return ended.armed.answers if kind is LostAnswer else ended.armed.requests

    async def _points(self, job: Ways) -> tuple[str, ...]:
        _, proposal, journal = await self._call()
        return (await run_in_child(job(proposal, journal), Death(None))).points

    async def _call(self) -> tuple[int, Proposal[Any], str]:
        n = next(self.numbers)
        return n, await self.staging.call(n), f"sqlite:///{self.folder / f'{n}.db'}"

    async def _count(self, n: int) -> int:
        await self._settle()
        return await self.staging.count(n)

    async def _settle(self) -> None:
        await asyncio.sleep(self.staging.settles.total_seconds())

    async def _arrived(self, n: int) -> bool:
        """Whether the request of a dead process has taken effect by now."""
        for _ in range(40):
            if await self.staging.count(n):
                return True
            await asyncio.sleep(0.05)
        return False


@asynccontextmanager
async def trials_of(staging: Staging, countable: bool = True) -> AsyncGenerator[Trials]:
    """The tool's server, started, and a wire that leads to it."""
    with tempfile.TemporaryDirectory(prefix="agentkit-faults-") as folder, Wire() as wire:
        async with staging:
            yield Trials(staging, wire, Path(folder), countable)


def _status(ended: Ended) -> str:
    """How the job says that it ended; what said nothing knows nothing, and told nobody."""
    return str(ended.report["status"]) if ended.report else f"exit {ended.exit}"


def _overlapped(ended: list[Ended]) -> bool:
    """Whether the last had begun before the first was over."""
    spans = [(each.report["began"], each.report["ended"]) for each in ended if each.report]
    return len(spans) == len(ended) and max(began for began, _ in spans) < min(over for _, over in spans)


def _spread(places: int, most: int) -> list[int]:
    """All of them, or as many as there is time for, from the last to the first: effects happen late."""
    if places <= most:
        return list(range(places, 0, -1))
    return [places - number * places // most for number in range(most)]
