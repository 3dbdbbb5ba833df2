"""A wire to Cyrus that can break at the moment that matters: when a mail is submitted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

Fault = Literal["", "lost answer", "lost request", "late request", "silence"]
SUBMITTING = b'"EmailSubmission/set"'
CHUNK = 1 << 20


@dataclass
class Wire:
    """Passes everything on, except what it is told to spoil once."""

    fault: Fault = ""
    """Of the next request that submits or cancels something; but for silence, the connection breaks, too."""
    replaced: dict[bytes, bytes] = field(default_factory=dict)
    """What is changed on its way, in both directions; both sides are of the same length."""
    spoilt: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it has happened; after a lost answer, when the server had given it."""
    port: int = 0
    to_port: int = 0
    _late: list[tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Of the JMAP session through this wire."""
        return f"http://127.0.0.1:{self.port}/jmap/"

    async def release(self) -> None:
        """Late requests arrive now; returns when the server has answered them."""
        while self._late:
            said, reader, writer = self._late.pop()
            writer.write(said)
            await reader.read(CHUNK)
            writer.close()

    async def talk(self, client_reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        """One connection of a client."""
        reader, server = await asyncio.open_connection("127.0.0.1", self.to_port)
        back = asyncio.create_task(self._back(reader, client))
        try:
            while said := self._changed(await client_reader.read(CHUNK)):
                if SUBMITTING in said and self.fault:
                    back.cancel()
                    await asyncio.wait([back])
                    silent = await self._spoil(said, reader, server)
                    await client_reader.read(CHUNK if silent else 0)
                    return
                server.write(said)
            server.close()
        except ConnectionError:
            server.close()
        finally:
            back.cancel()
            client.close()

    async def _spoil(self, said: bytes, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> bool:
        """Whether the client is left waiting."""
        fault, self.fault = self.fault, ""
        match fault:
            case "late request":
                self._late.append((said, reader, server))
            case "lost answer" | "silence":
                server.write(said)
                await reader.read(CHUNK)
                server.close()
            case _:
                server.close()
        self.spoilt.set()
        return fault == "silence"

    async def _back(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while said := self._changed(await reader.read(CHUNK)):
                client.write(said)
            client.close()

    def _changed(self, said: bytes) -> bytes:
        for old, new in self.replaced.items():
            said = said.replace(old, new)
        return said


@asynccontextmanager
async def wired(to_port: int) -> AsyncGenerator[Wire]:
    """A wire from a free port to this one."""
    wire = Wire(to_port=to_port)
    listening = await asyncio.start_server(wire.talk, "127.0.0.1", 0)
    wire.port = listening.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        listening.close()
