"""Who makes the attempts: worker processes that live on and keep their memory, or this process."""

import asyncio
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Coroutine
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from typing import Any, NoReturn, Protocol

from agentkit.toolbox import Toolbox
from agentkit_tools.testing import redirect
from agentkit_tools.testing.attempt import Attempt, Order, as_data, from_data, make
from agentkit_tools.testing.child import Ended, fork, let_go_of_sockets, run_in_child
from agentkit_tools.testing.cuts import CUT
from agentkit_tools.testing.faults import Death
from agentkit_tools.testing.wire import Wire

LONGEST = 120.0
"""Seconds after which an attempt that says nothing is given up."""
LINE = 64 << 20
"""Bytes of the longest message between a worker and the kit."""


class Hand(Protocol):
    """Makes attempts, one after another or several at once."""

    name: str

    async def do(self, order: Order) -> Attempt:
        """Make it in the process that lives on."""
        ...

    async def die(self, order: Order, fault: Death | None) -> Attempt:
        """Make it in a fork of that process, which may die of it."""
        ...


@dataclass
class Here:
    """This process itself: for a world that lives in its memory."""

    toolbox: Toolbox
    wire: Wire
    name: str = "this process"
    _busy: int = 0

    async def do(self, order: Order) -> Attempt:
        """Only the tool's connections pass the wire, not the staging's."""
        self._busy += 1
        redirect.through(self.wire.address, self.wire.port, self.name)
        try:
            return await make(order, self.toolbox, lambda said: None)
        finally:
            self._busy -= 1
            if not self._busy:
                redirect.straight()

    async def die(self, order: Order, fault: Death | None) -> Attempt:
        """In a fork of this process."""
        return await die(order, fault, self.toolbox)


@dataclass
class Worker:
    """A forked process with a memory of its own, as another worker has it."""

    toolbox: Toolbox
    wire: Wire
    name: str
    _pid: int = 0
    _numbers: "count[int]" = field(default_factory=count)
    _answers: dict[int, "asyncio.Future[Attempt]"] = field(default_factory=dict[int, "asyncio.Future[Attempt]"])

    async def start(self) -> None:
        """Fork it."""
        ours, theirs = socket.socketpair()
        self._pid = fork()
        if self._pid == 0:
            _be_the_worker(theirs, self.toolbox, (self.wire.address, self.wire.port, self.name))
        theirs.close()
        self._reader, self._writer = await asyncio.open_connection(sock=ours, limit=LINE)
        self._listening = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """End it and wait until it is gone."""
        self._listening.cancel()
        self._writer.close()
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

    async def do(self, order: Order) -> Attempt:
        """In the process."""
        return await self._ask({"order": asdict(order)})

    async def die(self, order: Order, fault: Death | None) -> Attempt:
        """In a fork of the process, so that its memory is that of the process."""
        return await self._ask({"order": asdict(order), "at": None if fault is None else fault.at, "die": True})

    async def _ask(self, message: dict[str, Any]) -> Attempt:
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self._writer.write(json.dumps({"number": number, **message}).encode() + b"\n")
        await self._writer.drain()
        try:
            async with asyncio.timeout(LONGEST):
                return await answer
        finally:
            del self._answers[number]

    async def _listen(self) -> None:
        while line := await self._reader.readline():
            said = json.loads(line)
            if waiting := self._answers.get(said["number"]):
                waiting.set_result(from_data(said["attempt"]))
        for waiting in self._answers.values():
            waiting.set_exception(RuntimeError(f"{self.name} ended by itself"))


async def die(order: Order, fault: Death | None, toolbox: Toolbox) -> Attempt:
    """Make the attempt in a fork of this process, which dies at the fault or at the mark."""

    async def job() -> dict[str, Any]:
        return as_data(await make(order, toolbox))

    return _told(await run_in_child(job, fault, seconds=LONGEST), fault, order)


def _told(ended: Ended, fault: Death | None, order: Order) -> Attempt:
    befores = [said["before"] for said in ended.notes]
    if ended.report is not None:
        seen = ended.seen if fault else order.at_the_mark != "die"
        return replace(from_data(ended.report), seen=seen, points=ended.points)
    return Attempt(
        "died",
        marked=bool(befores) or (ended.exit == CUT and order.at_the_mark == "die"),
        before=befores[-1] if befores else None,
        seen=ended.exit == CUT,
        points=ended.points,
    )


def _be_the_worker(channel: socket.socket, toolbox: Toolbox, way: tuple[str, int, str]) -> NoReturn:
    """A fork must never go on as its parent, whatever happens."""
    try:
        let_go_of_sockets(channel.fileno())
        redirect.through(*way)
        asyncio.run(_serve(channel, toolbox))
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


async def _serve(channel: socket.socket, toolbox: Toolbox) -> None:
    reader, writer = await asyncio.open_connection(sock=channel, limit=LINE)
    working: set[asyncio.Task[None]] = set()

    async def answer(message: dict[str, Any]) -> None:
        came = await _carried_out(message, toolbox)
        writer.write(json.dumps({"number": message["number"], "attempt": as_data(came)}).encode() + b"\n")
        await writer.drain()

    def begin(work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        working.add(task)
        task.add_done_callback(working.discard)

    while line := await reader.readline():
        begin(answer(json.loads(line)))


async def _carried_out(message: dict[str, Any], toolbox: Toolbox) -> Attempt:
    order = Order(**message["order"])
    if not message.get("die"):
        return await make(order, toolbox, lambda said: None)
    dies_at_mark = order.at_the_mark == "die"
    return await die(order, None if dies_at_mark else Death(message["at"]), toolbox)
