"""The wire: a proxy on the loopback that every connection of a tool passes, and where it can break.

What passes is opaque, so TLS does not matter. A request is what the client says until the server speaks, an answer is
what the server says until the client speaks; both are counted over all connections of an attempt.
"""

import asyncio
import contextlib
import json
import shutil
import socket
import struct
import tempfile
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agentkit_tools.testing import redirect
from agentkit_tools.testing.faults import HungUp, LateRequest, LostAnswer, OnTheWire, Silence, Undelivered

QUIET = 0.02
"""Seconds without a further byte after which a request is taken to be complete."""
ANSWERS = 5.0
"""Seconds in which the server must have taken in a request whose client is gone."""
GOODBYE = 0.01
"""Seconds in which the loop lets go of what was closed last."""
CHUNK = 1 << 16


@dataclass
class Talk:
    """One connection: its two ends, and who spoke last."""

    who: str
    client_reader: asyncio.StreamReader
    client: asyncio.StreamWriter
    server_reader: asyncio.StreamReader
    server: asyncio.StreamWriter
    speaks: str = ""
    broken: bool = False
    """The client's side is gone, and the server does not know."""
    answered: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True)
class Held:
    """A request that has not arrived yet."""

    data: bytes
    talk: Talk


@dataclass
class Armed:
    """What is to happen to one client's connections, and what has."""

    fault: OnTheWire | None = None
    requests: int = 0
    answers: int = 0
    seen: bool = False
    late: list[Held] = field(default_factory=list[Held])
    silent: list[Talk] = field(default_factory=list[Talk])


class Wire:
    """Runs in a thread of its own, so that neither the tool's loop nor the staging's has to turn for it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="agentkit-wire-"))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=redirect.OWN, daemon=True)
        self._armed: dict[str, Armed] = {}
        self._talks: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def address(self) -> str:
        """The path of its Unix socket."""
        return str(self._folder / "wire")

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def arm(self, who: str, fault: OnTheWire | None) -> Armed:
        """From now on, until `disarm`, count what this client says, and let the fault happen to it."""
        armed = Armed(fault)
        self._armed[who] = armed
        return armed

    async def disarm(self, who: str) -> Armed:
        """No more faults; connections on which nothing ever came are closed."""
        armed = self._armed.pop(who, Armed())
        await self._await(self._hang_up(armed))
        return armed

    async def release(self, armed: Armed) -> None:
        """Let late requests arrive, and wait until the server has taken them in."""
        await self._await(self._deliver(armed))

    # Within the thread -----------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        self._servers = [
            await asyncio.start_unix_server(self._accept, self.address),
            await asyncio.start_server(self._accept, "127.0.0.1", 0),
        ]
        self.port = self._servers[1].sockets[0].getsockname()[1]

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for armed in self._armed.values():
            await self._hang_up(armed)
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        await asyncio.sleep(GOODBYE)

    async def _hang_up(self, armed: Armed) -> None:
        for talk in armed.silent:
            _abort(talk.client)
            _abort(talk.server)

    async def _deliver(self, armed: Armed) -> None:
        for held in armed.late:
            held.talk.answered.clear()
            with contextlib.suppress(OSError, TimeoutError):
                held.talk.server.write(held.data)
                await asyncio.wait_for(held.talk.answered.wait(), ANSWERS)
        armed.late.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        try:
            await self._talk(reader, writer)
        except (OSError, asyncio.CancelledError, ValueError):  # either side may go at any time
            pass
        finally:
            self._talks.discard(task)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wanted = json.loads(await reader.readline())
        try:
            server_reader, server = await _reach(wanted["family"], wanted["to"])
        except OSError as refused:
            writer.write((refused.errno or 111).to_bytes(2, "big"))
            await writer.drain()
            writer.close()
            return
        writer.write((0).to_bytes(2, "big"))
        talk = Talk(wanted["who"], reader, writer, server_reader, server)
        try:
            await asyncio.gather(self._requests(talk), self._answers(talk))
        finally:
            writer.close()
            server.close()

    async def _requests(self, talk: Talk) -> None:
        """From the client to the server."""
        while data := await _read(talk.client_reader):
            armed = self._armed.get(talk.who) or Armed()
            if talk.speaks != "client":
                armed.requests += 1
                talk.speaks = "client"
            fault = armed.fault
            if isinstance(fault, Undelivered | LateRequest) and fault.at == armed.requests and not armed.seen:
                return await _keep_back(data, talk, armed)
            talk.server.write(data)
            await talk.server.drain()
            if isinstance(fault, HungUp) and fault.at == armed.requests and not armed.seen:
                return await _hang_up_after(talk, armed)
        with contextlib.suppress(OSError):
            talk.server.write_eof()

    async def _answers(self, talk: Talk) -> None:
        """From the server to the client."""
        while data := await _read(talk.server_reader):
            talk.answered.set()
            if talk.broken:
                await asyncio.sleep(QUIET)
                break
            armed = self._armed.get(talk.who) or Armed()
            if talk.speaks != "server":
                armed.answers += 1
                talk.speaks = "server"
            fault = armed.fault
            if isinstance(fault, LostAnswer) and fault.at == armed.answers and not armed.seen:
                armed.seen = True
                _abort(talk.client)
                _abort(talk.server)
                break
            if isinstance(fault, Silence) and fault.at <= armed.answers:
                armed.seen = True
                armed.silent.append(talk)
                continue
            talk.client.write(data)
            await talk.client.drain()
        talk.answered.set()
        talk.client.close()
        talk.server.close()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _await(self, work: Coroutine[Any, Any, None]) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))


async def _reach(family: int, to: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if family == socket.AF_UNIX:
        return await asyncio.open_unix_connection(to)
    return await asyncio.open_connection(to[0], to[1])


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(CHUNK)
    except OSError:
        return b""


async def _keep_back(data: bytes, talk: Talk, armed: Armed) -> None:
    """Take the whole request from the client, and let it see the connection break."""
    armed.seen = True
    while more := await _soon(talk.client_reader):
        data += more
    talk.broken = True
    if isinstance(armed.fault, LateRequest):
        armed.late.append(Held(data, talk))
    else:
        _abort(talk.server)
    _abort(talk.client)


async def _hang_up_after(talk: Talk, armed: Armed) -> None:
    """Let the rest of the request pass, and then the client sees the connection break; the server does not."""
    talk.broken = True
    while more := await _soon(talk.client_reader):
        talk.server.write(more)
    armed.seen = True
    _abort(talk.client)


async def _soon(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(_read(reader), QUIET)
    except TimeoutError:
        return b""


def _abort(writer: asyncio.StreamWriter) -> None:
    """Break it at once: what was not sent yet is not sent."""
    transport = writer.transport
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family != socket.AF_UNIX:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
