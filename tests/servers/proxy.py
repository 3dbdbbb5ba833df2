"""A loopback proxy that loses answers, loses requests and lets them arrive late, whatever protocol they speak."""

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

HOST = "127.0.0.1"
CHUNK = 65536

Kind = Literal["drop_answer", "drop_request", "delay"]


@dataclass(frozen=True)
class Fault:
    """What happens to the next request that contains these bytes at its beginning."""

    kind: Kind
    of: bytes
    seconds: float = 0


@dataclass
class Proxy:
    """Forwards connections to one server; each armed fault is used up by one connection.

    `taken` counts the faults that met their request, so that a test can tell that it has tested something.
    """

    target_host: str
    target_port: int
    taken: int = 0
    _armed: list[Fault] = field(default_factory=list[Fault], repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _threads: list[threading.Thread] = field(default_factory=list[threading.Thread], repr=False)

    def __enter__(self) -> Self:
        self._listener = socket.create_server((HOST, 0))
        self._closed = threading.Event()
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(timeout=10)

    @property
    def port(self) -> int:
        """Where clients connect."""
        return self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        """The same for HTTP."""
        return f"http://{HOST}:{self.port}"

    def drop_answers(self, times: int = 1, of: bytes = b"") -> None:
        """The server does as it is told; the connection breaks instead of its answer."""
        self._arm([Fault("drop_answer", of)] * times)

    def drop_requests(self, times: int = 1, of: bytes = b"") -> None:
        """The connection breaks, and the server never hears of it."""
        self._arm([Fault("drop_request", of)] * times)

    def delay(self, seconds: float, times: int = 1, of: bytes = b"") -> None:
        """Requests arrive so much later, even when the client has gone by then."""
        self._arm([Fault("delay", of, seconds)] * times)

    def clear(self) -> None:
        """Disarm whatever has not been taken."""
        with self._lock:
            self._armed.clear()

    def _arm(self, faults: list[Fault]) -> None:
        with self._lock:
            self._armed += faults

    def _take(self, beginning: bytes) -> Fault | None:
        with self._lock:
            fault = next((each for each in self._armed if each.of in beginning), None)
            if fault:
                self._armed.remove(fault)
                self.taken += 1
            return fault

    def _start(self, work: object, *arguments: object) -> None:
        assert callable(work)
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._carry, client)

    def _carry(self, client: socket.socket) -> None:
        """One connection, from its first bytes to its end."""
        with client, suppress(OSError):
            beginning = client.recv(CHUNK)
            fault = self._take(beginning)
            if not beginning or (fault and fault.kind == "drop_request"):
                _break(client)
                return
            if fault and fault.kind == "delay":
                time.sleep(fault.seconds)
            with socket.create_connection((self.target_host, self.target_port)) as server:
                server.sendall(beginning)
                self._start(_pump, client, server)
                if fault and fault.kind == "drop_answer":
                    server.recv(CHUNK)  # it has answered, so it has done it
                    _break(client)
                    return
                _pump(server, client)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Hand on until the source ends. A reader that has gone does not keep the rest of a request from arriving."""
    with suppress(OSError):
        while part := source.recv(CHUNK):
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)


def _break(connection: socket.socket) -> None:
    """At once: closing alone would wait for the thread that still reads from it."""
    connection.shutdown(socket.SHUT_RDWR)
    connection.close()
