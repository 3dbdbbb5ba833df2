"""A world in a file, a hand that reaches it and can fail at every point, and the road to it.

Effects are lines of a file, so that processes that die leave them behind.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agentkit.action import Outcome
from agentkit.call import Slot, ToolCall
from agentkit.effects import Blind, Checkable, Findable, Idempotent, Keyed, ReadOnly, Repeat, Undo
from agentkit.errors import ToolFailed, ToolPartial
from agentkit.execution.context import Limits, RunContext
from agentkit.execution.perform import perform
from agentkit.journal.journal import Journal
from agentkit.journal.records import RunRecord
from agentkit.policy.engine import Policy
from agentkit.telemetry.spans import Tracing
from agentkit.tool import Tool, ToolContext, tool
from agentkit.toolbox import Toolbox

AGENT = "agent:desk"
SECRET = b"0123456789abcdef"
LANDS = timedelta(seconds=10)
QUICK = Limits(retry_wait=timedelta(milliseconds=1))


@dataclass
class World:
    """What happened, as somebody outside sees it."""

    file: Path

    def happen(self, key: str) -> None:
        with self.file.open("a") as lines:
            lines.write(key + "\n")

    def happen_once(self, key: str) -> None:
        """As a server does that deduplicates by key."""
        seen = self.keys()
        if key not in seen:
            self.happen(key)

    def keys(self) -> list[str]:
        return self.file.read_text().split() if self.file.exists() else []

    @property
    def times(self) -> int:
        return len(self.keys())


@dataclass
class Hand:
    """A tool `world.act` and the faults of its next calls, the first one first.

    lost: the effect happens and its acknowledgement does not arrive. broken: an error before the effect. dies_before
    and dies_after: the process ends. hangs_before and hangs_after: nothing more happens. failed, partial: said so.
    """

    world: World
    faults: list[str] = field(default_factory=list[str])
    probe_faults: list[str] = field(default_factory=list[str])
    calls: int = 0
    probes: int = 0
    keys: list[str] = field(default_factory=list[str])
    began: asyncio.Event = field(default_factory=asyncio.Event)

    def tool(
        self,
        kind: str,
        undo: Undo | None = None,
        *,
        version: str = "1",
        timeout: timedelta = timedelta(seconds=30),
        retention: timedelta = timedelta(hours=1),
        lands: timedelta = LANDS,
    ) -> Tool[..., Any]:
        repeat = self._repeat(kind, retention, lands)

        @tool("world.act", repeat=repeat, undo=undo, version=version, timeout=timeout)
        async def act(ctx: ToolContext, what: str = "it") -> str:
            self.calls += 1
            self.keys.append(ctx.key)
            fault = self.faults.pop(0) if self.faults else ""
            await self._before(fault)
            if kind.startswith("marked"):
                await ctx.point_of_no_return()
            await self._at_the_mark(fault)
            self._effect(kind, ctx.key)
            await self._after(fault)
            return "done " + what

        return act

    def _repeat(self, kind: str, retention: timedelta, lands: timedelta) -> Repeat:
        kinds: dict[str, Repeat] = {
            "read_only": ReadOnly(),
            "idempotent": Idempotent(),
            "keyed": Keyed(retention),
            "checkable": Checkable(self._probe, lands),
            "findable": Findable(self._probe, lands),
            "marked_findable": Findable(self._probe, lands, marked=True),
            "blind": Blind(),
            "marked_blind": Blind(marked=True),
        }
        return kinds[kind]

    def _effect(self, kind: str, key: str) -> None:
        match kind:
            case "read_only":
                pass
            case "idempotent" | "keyed":
                self.world.happen_once(key)
            case _:
                self.world.happen(key)

    async def _before(self, fault: str) -> None:
        match fault:
            case "broken":
                raise ConnectionResetError("reset by peer")
            case "failed":
                raise ToolFailed("no such room")
            case "dies_before":
                os._exit(9)
            case "ctrl_c_before":
                os.kill(os.getpid(), signal.SIGINT)
                await asyncio.sleep(60)
            case "hangs_before":
                self.began.set()
                await asyncio.sleep(60)
            case _:
                pass

    async def _at_the_mark(self, fault: str) -> None:
        if fault == "dies_at_the_mark":
            os._exit(9)
        if fault == "broken_at_the_mark":
            raise ConnectionResetError("reset by peer")

    async def _after(self, fault: str) -> None:
        match fault:
            case "lost":
                raise ConnectionResetError("reset by peer")
            case "interrupted":
                raise KeyboardInterrupt
            case "partial":
                raise ToolPartial("one of two was refused", "half")
            case "dies_after":
                os._exit(9)
            case "ctrl_c_after":
                os.kill(os.getpid(), signal.SIGINT)
                await asyncio.sleep(60)
            case "hangs_after":
                self.began.set()
                await asyncio.sleep(60)
            case _:
                pass

    async def _probe(self, ctx: ToolContext, what: str) -> str | None:
        self.probes += 1
        if self.probe_faults:
            raise ConnectionRefusedError(self.probe_faults.pop(0))
        seen = self.world.keys()
        return "found " + what if ctx.key in seen else None


def road(
    journal: Journal,
    tools: Iterable[Tool[..., Any]],
    policy: str = "unsafe_allow_all",
    *,
    run: str = "r-1",
    limits: Limits = QUICK,
    listen: Callable[[Any], None] | None = None,
) -> RunContext:
    """One attempt to carry a run on; a second road is a second worker."""
    toolbox = Toolbox(tools)
    rules = Policy.from_text(policy, toolbox) if "permit" in policy else Policy.load(policy, toolbox)
    more: dict[str, Any] = {"emit": listen} if listen else {}
    return RunContext(run, "t", AGENT, toolbox, rules, journal, SECRET, Tracing.open(None), limits=limits, **more)


async def opened(journal: Journal, run: str = "r-1", **budget: Any) -> RunRecord:
    now = journal.clock()
    return await journal.open_run(RunRecord(run, "goal", "g", AGENT, "running", now, now, budget=budget))


def call(what: str = "it", turn: int = 0, run: str = "r-1", tool: str = "world.act") -> ToolCall:
    return ToolCall(tool, {"what": what}, Slot(run, turn, 0))


async def act(context: RunContext, proposed: ToolCall | None = None) -> Outcome[Any]:
    return await perform(proposed or call(run=context.run), context)


def perform_in_a_process_that_dies(url: str, file: Path, kind: str, fault: str) -> None:
    """To be run as a process of its own."""

    async def main() -> None:
        journal = Journal.open(url)
        hand = Hand(World(file), faults=[fault])
        await opened(journal)
        await act(road(journal, [hand.tool(kind)]))
        await journal.close()

    asyncio.run(main())


def really_now() -> datetime:
    return datetime.now(UTC)
