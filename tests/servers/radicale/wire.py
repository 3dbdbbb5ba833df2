"""A wire before an HTTP server: it loses a request, loses the answer, or keeps a request back and delivers it later."""

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Literal, Self

HOST = "127.0.0.1"

Fault = Literal["lose request", "lose answer", "delay"]


@dataclass
class Wire:
    """Carries one request for each connection to the server behind it."""

    behind: int
    """The port of the server."""
    _armed: deque[tuple[str, Fault]] = field(default_factory=deque, repr=False)
    _late: list[bytes] = field(default_factory=list, repr=False)
    rewrites: Callable[[str, bytes], bytes] = field(default=lambda method, answer: answer, repr=False)
    """What becomes of the answer to a request with this method: how other servers would have said it."""
    _meanwhile: dict[str, Callable[[], object]] = field(default_factory=dict, repr=False)
    carried: list[str] = field(default_factory=list, repr=False)
    """The first line of each request that came, faulty or not."""

    def __enter__(self) -> Self:
        wire = self

        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                wire._carry(self.request)

        self._server = ThreadingTCPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """Where clients connect to."""
        return self._server.server_address[1]

    def arm(self, method: str, fault: Fault) -> None:
        """The next request with this method meets the fault."""
        self._armed.append((method, fault))

    def meanwhile(self, method: str, happening: Callable[[], object]) -> None:
        """Let something happen when the next request with this method is on its way."""
        self._meanwhile[method] = happening

    @property
    def disarmed(self) -> bool:
        """Whether every fault has been met."""
        return not self._armed and not self._meanwhile

    def deliver(self) -> list[int]:
        """Bring what was delayed to the server, in its order; the status of each answer."""
        late, self._late = self._late, []
        return [int(self._exchange(request).split(b" ", 2)[1]) for request in late]

    def _carry(self, client: socket.socket) -> None:
        if not (request := _read(client)):
            return
        self.carried.append(request.split(b"\r\n", 1)[0].decode())
        method = request.split(b" ", 1)[0].decode()
        if happening := self._meanwhile.pop(method, None):
            happening()
        match self._fault_for(method):
            case "lose request":
                return
            case "delay":
                self._late.append(request)
            case "lose answer":
                self._exchange(request)
            case None:
                with contextlib.suppress(ConnectionError):
                    client.sendall(self.rewrites(method, self._exchange(request)))

    def _fault_for(self, method: str) -> Fault | None:
        if self._armed and self._armed[0][0] == method:
            return self._armed.popleft()[1]
        return None

    def _exchange(self, request: bytes) -> bytes:
        head, _, body = request.partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        with socket.create_connection((HOST, self.behind)) as server:
            server.sendall(b"\r\n".join([*lines, b"Connection: close", b"", body]))
            return b"".join(iter(lambda: server.recv(65536), b""))


def _read(client: socket.socket) -> bytes:
    """One request: its head, and as much body as the head says."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := client.recv(65536)):
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    missing = int(lengths[0].split(b":")[1]) - len(body) if lengths else 0
    while missing > 0:
        if not (more := client.recv(65536)):
            return b""
        data, missing = data + more, missing - len(more)
    return data
