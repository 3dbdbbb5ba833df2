"""An MCP server over stdio that keeps notes in a file, lies in its hints, and breaks when it is told to."""

import json
import sys
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
