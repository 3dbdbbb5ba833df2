"""One server of the world: a process of its own, its log, and the wait until it answers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from examples.trip_desk.listening import HOST, announced, withdraw

PATIENCE = 20.0
ROOT = Path(__file__).resolve().parents[2]


class ServerError(Exception):
    """A server did not start; the message ends with the last lines of its log."""


@dataclass
class Server:
    """A process that this one started; nothing here can reach any other."""

    name: str
    module: str
    folder: Path
    port_names: Sequence[str]
    ports: dict[str, int] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Launch it, on the ports it had before if it had any."""
        withdraw(self.folder)
        scratch = self.folder / "tmp"
        scratch.mkdir(exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command(),
                cwd=ROOT,
                env={**os.environ, "TMPDIR": str(scratch), "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_until_ready(self) -> None:
        """Return once every port accepts a connection.

        Raises:
            ServerError: it ended, or said nothing for too long.
        """
        deadline = time.monotonic() + PATIENCE
        while not (ports := announced(self.folder)) or not all(map(_accepts, ports.values())):
            if self.process is None or self.process.poll() is not None:
                raise ServerError(f"the {self.name} server ended while starting{self._last_words()}")
            if time.monotonic() > deadline:
                raise ServerError(f"the {self.name} server is not ready in {PATIENCE} s{self._last_words()}")
            time.sleep(0.02)
        self.ports = ports

    def terminate(self) -> None:
        """Ask the process to end. A pid is ours until we have waited for it, so no other is ever hit."""
        if self.process is not None:
            self.process.terminate()

    def stop(self) -> None:
        """End the process, politely first, and wait until it is gone."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def _command(self) -> list[str]:
        options = [f"--{name.replace('_', '-')}={self.ports.get(name, 0)}" for name in self.port_names]
        return [sys.executable, "-m", self.module, f"--folder={self.folder}", *options]

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-15:]
        return "; its log ends with\n" + "\n".join(f"  {line}" for line in lines)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=5).close()
    except OSError:
        return False
    return True
