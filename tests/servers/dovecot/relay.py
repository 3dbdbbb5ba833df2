"""A relay in front of Dovecot that loses one answer, one command, or lets one command arrive late."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from tests.servers.dovecot import Mailhouse

How = Literal["lost_command", "lost_answer", "late"]
LIMIT = 1 << 24


@dataclass
class Relay:
    """IMAP with TLS on its own port; passes everything on until a fault is armed."""

    house: Mailhouse
    port: int = 0
    taken: int = 0
    """How many faults were used up."""
    _fault: tuple[re.Pattern[bytes], How, float] | None = None
    _sessions: set[asyncio.Task[None]] = field(default_factory=set)

    def lose(self, command: str, how: How, seconds: float = 0) -> None:
        """Arm a fault for the next command that begins so, such as `UID MOVE`.

        Args:
            command: its name.
            how: before it reaches the server, after the server has answered, or it arrives when the client has gone.
            seconds: how much later.
        """
        self._fault = (re.compile(rb"\S+ " + command.encode() + rb"\b", re.IGNORECASE), how, seconds)

    async def __aenter__(self) -> Self:
        offered = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls = self.house.ca_file.parent
        offered.load_cert_chain(tls / "certificate.pem", tls / "key.pem")
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=offered, limit=LIMIT)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()
        await self.settled()

    async def settled(self) -> None:
        """Wait until what is on its way has arrived, and every connection has ended."""
        while self._sessions:
            await asyncio.wait(self._sessions)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = asyncio.create_task(self._session(reader, writer))
        self._sessions.add(session)
        session.add_done_callback(self._sessions.discard)

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        trusting = ssl.create_default_context(cafile=self.house.ca_file)
        up, down = await asyncio.open_connection("127.0.0.1", self.house.imaps_port, ssl=trusting, limit=LIMIT)
        back = asyncio.create_task(_pass_on(up, writer))
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while line := await reader.readline():
                if (fault := self._fault) and fault[0].match(line):
                    self._fault, self.taken = None, self.taken + 1
                    await self._lose(line, fault[1], fault[2], back, (reader, writer, up, down))
                    break
                down.write(line)
        back.cancel()
        for each in (writer, down):
            each.transport.abort()
        await asyncio.gather(back, return_exceptions=True)

    async def _lose(
        self,
        line: bytes,
        how: How,
        seconds: float,
        back: asyncio.Task[None],
        ends: tuple[asyncio.StreamReader, asyncio.StreamWriter, asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        reader, writer, up, down = ends
        if how == "lost_command":
            return
        rest = line
        if literal := re.search(rb"\{(\d+)\}\r\n$", line):
            down.write(line)  # the server's `+` goes back before the content comes
            rest = await reader.readexactly(int(literal[1])) + await reader.readline()
        back.cancel()
        await asyncio.gather(back, return_exceptions=True)
        if how == "late":
            writer.transport.abort()
            await asyncio.sleep(seconds)
        down.write(rest)
        tag = line.split()[0]
        while (answer := await up.readline()) and not answer.startswith(tag):
            pass


async def _pass_on(up: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await up.read(65536):
        writer.write(data)
    writer.close()
