"""A forked child that does one job under a fault and tells how it went."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import stat
import sys
import traceback
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

from agentkit_tools.testing import redirect
from agentkit_tools.testing.cuts import CUT, Cuts
from agentkit_tools.testing.faults import Death, DeathAtTheMark, Fault, OnTheWire, Stopped
from agentkit_tools.testing.wire import Armed, Wire

Job = Callable[[], Awaitable[Any]]
NAMES = count(1)


@dataclass(frozen=True)
class Ended:
    """How a child ended."""

    exit: int | None
    """Its exit code; None when it took too long and was killed."""
    seen: bool
    """Whether the fault was seen to happen."""
    report: Any = None
    """What the job returned, as JSON; None when it did not come to that."""
    points: tuple[str, ...] = ()
    """The cut points it passed, when it had any."""
    notes: tuple[Any, ...] = ()
    """What the job said on its way by `note`."""
    armed: Armed = field(default_factory=Armed, repr=False)
    """For `Wire.release`: requests that are still on their way."""


@dataclass
class Channel:
    """The child's way to tell its parent something; it survives the child's death."""

    out: int | None = None


CHANNEL = Channel()


def note(said: Any) -> None:
    """Within a job: tell the parent something now. It arrives even if the process dies right after it."""
    _tell({"note": said})


async def run_in_child(
    job: Job, fault: Fault | None = None, *, wire: Wire | None = None, seconds: float = 60, late: float | None = None
) -> Ended:
    """Do the job in a fork of this process, with the fault.

    Args:
        job: an async function without arguments; what it returns must be JSON.
        fault: what goes wrong. Whatever the job needs for `DeathAtTheMark` and `Stopped` it does itself.
        wire: for faults on the wire; it must run in this process. Without it connections go straight.
        seconds: after so long the child is killed.
        late: so many seconds after a request was held back it arrives, whatever the child does meanwhile. Without
            it, it arrives when `Wire.release` lets it go.
    """
    who = f"child {next(NAMES)} of {os.getpid()}"
    armed = wire.arm(who, fault if isinstance(fault, OnTheWire) else None) if wire else Armed()
    ours, theirs = socket.socketpair()
    pid = fork()
    if pid == 0:
        _be_the_child(theirs.detach(), job, fault, (wire, who))
    theirs.close()
    arrival = asyncio.create_task(_arrive(wire, armed, late)) if wire and late is not None else None
    exit, lines = await _heard(pid, ours, seconds)
    if arrival and armed.seen:
        await arrival
    elif arrival:
        arrival.cancel()
    if wire:
        await wire.disarm(who)
    reports = [line["report"] for line in lines if "report" in line]
    return Ended(
        exit,
        armed.seen if isinstance(fault, OnTheWire) else _seen(fault, exit),
        reports[0] if reports else None,
        tuple(line["point"] for line in lines if "point" in line),
        tuple(line["note"] for line in lines if "note" in line),
        armed,
    )


def fork() -> int:
    """A fork that is to end by `os._exit`. Threads of the parent are missing in it, and it takes no lock of theirs."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on: forking while threads run
        return os.fork()


def let_go_of_sockets(kept: int) -> None:
    """Connections of the parent stay the parent's: what this process would send over them would be nonsense."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/proc/self/fd" if Path("/proc/self/fd").exists() else "/dev/fd"):
        with contextlib.suppress(OSError):
            if int(name) > 2 and int(name) != kept and stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                os.dup2(nowhere, int(name), inheritable=False)  # the number stays taken: an object may still have it


def _be_the_child(out: int, job: Job, fault: Fault | None, way: tuple[Wire | None, str]) -> NoReturn:
    """A fork must never go on as its parent, whatever happens."""
    try:
        let_go_of_sockets(out)
        CHANNEL.out = out
        wire, who = way
        redirect.through(wire.address, wire.port, who) if wire else redirect.straight()
        if isinstance(fault, Death):
            cuts = Cuts(lambda name: _tell({"point": name}), fault.at)
            cuts.install()
            cuts.watch_files()
        _tell({"report": asyncio.run(_done(job))})
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


async def _done(job: Job) -> Any:
    return await job()


def _tell(line: dict[str, Any]) -> None:
    if CHANNEL.out is not None:
        data = json.dumps(line).encode() + b"\n"
        while data:
            data = data[os.write(CHANNEL.out, data) :]


async def _arrive(wire: Wire, armed: Armed, late: float) -> None:
    """Let a held request arrive, so many seconds after it was held back."""
    while not armed.late:
        await asyncio.sleep(0.01)
    await asyncio.sleep(late)
    await wire.release(armed)


async def _heard(pid: int, ours: socket.socket, seconds: float) -> tuple[int | None, list[dict[str, Any]]]:
    """Everything the child says until it is gone."""
    ours.setblocking(False)
    said = b""
    late = False
    try:
        async with asyncio.timeout(seconds):
            while more := await asyncio.get_running_loop().sock_recv(ours, 1 << 16):
                said += more
    except TimeoutError:
        late = True
        os.kill(pid, signal.SIGKILL)
    finally:
        ours.close()
    code = await _gone(pid)
    whole = said[: said.rfind(b"\n") + 1]
    return (None if late else code), [json.loads(line) for line in whole.splitlines()]


async def _gone(pid: int) -> int:
    """Wait for a child that has closed its channel; what it started itself is not waited for."""
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        await asyncio.sleep(0.001)


def _seen(fault: Fault | None, exit: int | None) -> bool:
    match fault:
        case None:
            return True
        case Death(at=None):
            return True
        case Death() | DeathAtTheMark() | Stopped():
            return exit == CUT
        case _:
            return False
