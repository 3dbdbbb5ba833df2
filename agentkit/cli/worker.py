"""The worker: nobody need be waiting while a run waits."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agentkit.agent import Agent
from agentkit.cli.errands import Errand, due
from agentkit.errors import DeveloperMistake, JournalUnavailable
from agentkit.journal.owner import is_dead

log = logging.getLogger("agentkit")

JOURNAL = "the journal"
LONGEST_REST = timedelta(minutes=5)
"""How long an errand rests, at most, that did not help the last time."""


@dataclass(frozen=True)
class Done:
    """What came of one errand."""

    run: str
    status: str
    """Of the run as a whole, or empty when only single actions were taken up."""
    actions: dict[str, str] = field(default_factory=dict[str, str])
    """Single actions, with where they stand now."""
    error: str = ""

    def in_words(self) -> str:
        """One line for a log."""
        actions = ", ".join(f"{action} {status}" for action, status in self.actions.items())
        said = [self.status.replace("_", " "), actions, self.error]
        return f"{self.run}: " + "; ".join(part for part in said if part)


@dataclass
class _Rest:
    """An errand that may come back, and from when on it is tried again."""

    errand: Errand
    until: datetime
    pause: timedelta


def _nobody(done: Done) -> None:
    """Nobody listens."""


class Worker:
    """Resumes what was answered, releases what was held, expires what is late, recovers what somebody died in.

    One error never stops the others: it is logged once, and that errand rests a while, longer each time. Several
    workers may serve one journal; for every action exactly one of them gets the claim.

    Args:
        agent: an open agent; only its own runs are taken up.
        poll: how often to look.
        at_once: how many runs may be under way together.
        listen: told of everything that was done.
    """

    def __init__(
        self,
        agent: Agent,
        *,
        poll: timedelta = timedelta(seconds=2),
        at_once: int = 8,
        listen: Callable[[Done], None] = _nobody,
    ) -> None:
        if agent.settings.journal == "memory:":
            raise DeveloperMistake("a journal in memory has nothing for a worker; name one: sqlite:///FILE")
        self._agent = agent
        self._poll = poll
        self._places = asyncio.Semaphore(at_once)
        self._listen = listen
        self._stopping = asyncio.Event()
        self._under_way: dict[str, asyncio.Task[Done]] = {}
        self._resting: dict[str, _Rest] = {}
        self._mine: dict[str, str | None] = {}
        self._told: dict[str, str] = {}

    async def once(self) -> list[Done]:
        """Do what is due now, and return what came of it.

        Raises:
            JournalUnavailable: the journal does not say what is due.
        """
        await self._begin_due()
        ended = await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        return [done for done in ended if isinstance(done, Done)]  # the others were cancelled by `stop`

    async def serve(self) -> None:
        """Look again and again, until `stop` is called; then finish what is under way."""
        try:
            while not self._stopping.is_set():
                await self._look()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), self._poll.total_seconds())
        finally:
            await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def stop(self) -> None:
        """Take nothing more up, and finish what is under way. Called again: cancel that, too."""
        if self._stopping.is_set():
            for task in self._under_way.values():
                task.cancel()
        self._stopping.set()

    @property
    def under_way(self) -> int:
        """How many errands have not come back yet."""
        return len(self._under_way)

    # One look ----------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        try:
            await self._begin_due()
        except JournalUnavailable as error:
            self._tell_once(JOURNAL, str(error))

    async def _begin_due(self) -> None:
        errands = await due(self._agent, self._mine)
        self._told.pop(JOURNAL, None)
        self._forget_all_but({errand.run for errand in errands})
        for errand in errands:
            if errand.run not in self._under_way and not self._rests(errand):
                self._begin(errand)

    def _begin(self, errand: Errand) -> None:
        task = asyncio.create_task(self._carry_out(errand))
        self._under_way[errand.run] = task
        task.add_done_callback(lambda _: self._under_way.pop(errand.run, None))

    def _rests(self, errand: Errand) -> bool:
        """Whether this very errand did not help a moment ago. The news of any change wakes it."""
        rest = self._resting.get(errand.run)
        return rest is not None and rest.errand == errand and self._now() < rest.until

    def _forget_all_but(self, runs: set[str]) -> None:
        for memory in (self._resting, self._told, self._mine):
            for run in set(memory) - runs - set(self._under_way) - {JOURNAL}:
                del memory[run]

    # One errand --------------------------------------------------------------------------------------------------

    async def _carry_out(self, errand: Errand) -> Done:
        async with self._places:
            done = await (self._advance(errand) if errand.actions else self._resume(errand))
        self._let_rest(errand)
        if done.error:
            self._tell_once(errand.run, done.in_words())
        else:
            log.info("%s", done.in_words())
        self._listen(done)
        return done

    async def _resume(self, errand: Errand) -> Done:
        try:
            if await self._is_taken(errand):
                return Done(errand.run, "taken up by somebody else")
            run = await self._agent.resume(errand.run)
        except Exception as error:  # Whatever is wrong with one run must not stop the others.
            await self._remember(errand.run)
            return Done(errand.run, "", error=_problem(error))
        return Done(run.id, run.status)

    async def _is_taken(self, errand: Errand) -> bool:
        """Whether somebody took the run up since we looked. Going on with it, too, would only cost twice."""
        run = await self._agent.journal.run(errand.run)
        return run.owner is not None and run.owner != errand.owner and not is_dead(run.owner)

    async def _advance(self, errand: Errand) -> Done:
        stand: dict[str, str] = {}
        problems: list[str] = []
        for action in errand.actions:
            try:
                stand[action] = (await self._agent.advance(action)).status
            except Exception as error:  # Whatever is wrong with one action must not stop the others.
                problems.append(f"{action}: {_problem(error)}")
        return Done(errand.run, "", stand, "; ".join(problems))

    async def _remember(self, run: str) -> None:
        """The run may still be said to be running, by us: nobody else could tell that we gave up."""
        with contextlib.suppress(JournalUnavailable):
            self._mine[run] = (await self._agent.journal.run(run)).owner

    def _let_rest(self, errand: Errand) -> None:
        before = self._resting.get(errand.run)
        again = before is not None and before.errand == errand
        pause = min(LONGEST_REST, before.pause * 2) if before and again else self._poll
        self._resting[errand.run] = _Rest(errand, self._now() + pause, pause)

    def _tell_once(self, about: str, problem: str) -> None:
        if self._told.get(about) != problem:
            self._told[about] = problem
            log.warning("%s", problem)

    def _now(self) -> datetime:
        return self._agent.journal.clock()


def _problem(error: Exception) -> str:
    log.debug("in a worker", exc_info=error)
    return f"{type(error).__name__}: {error}".removesuffix(": ")
