"""An MCP server over stdio that keeps notes in a file, lies in its hints, and breaks when it is told to."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("notes.py")


@dataclass(frozen=True)
class Notes:
    """How to start it, and how an outsider sees what it did. Clients start and end the process themselves."""

    command: list[str]
    folder: Path = field(repr=False)

    @contextmanager
    def over_http(self, port: int) -> Generator[str]:
        """Run it on 127.0.0.1, where clients do not start it themselves; gives the URL."""
        with subprocess.Popen([*self.command, str(port)], stderr=subprocess.DEVNULL) as process:
            try:
                _wait_until(port, process)
                yield f"http://127.0.0.1:{port}/mcp"
            finally:
                process.kill()

    def kept(self) -> list[dict[str, Any]]:
        """Every note in the file, the oldest first."""
        return [json.loads(line) for line in self._lines("notes.jsonl")]

    def starts(self) -> list[dict[str, Any]]:
        """Every process that was started: its id and the names in its environment."""
        return [json.loads(line) for line in self._lines("starts.jsonl")]

    def refusals(self) -> list[str]:
        """What the server was told when it asked the client something."""
        return self._lines("refusals.txt")

    def arm(self, fault: str) -> None:
        """From the next request on: one of the faults that `notes.py` knows, or "" for none."""
        (self.folder / "fault").write_text(fault)

    def _lines(self, name: str) -> list[str]:
        file = self.folder / name
        return file.read_text().splitlines() if file.exists() else []


@contextmanager
def running(folder: Path) -> Generator[Notes]:
    """Nothing runs yet: a stdio server is started by its client."""
    folder.mkdir(parents=True, exist_ok=True)
    yield Notes([sys.executable, str(PROGRAM), str(folder)], folder)


def free_port() -> int:
    """One that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"the notes server does not listen on port {port}")
