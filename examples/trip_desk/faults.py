"""Faults of a server, armed from any process: each one is a file, which the server removes to use it up."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Armed:
    """Faults that wait in a server's folder, each for one request."""

    folder: Path

    def take(self, kind: str) -> float | None:
        """Use up one armed fault of this kind: its seconds, or None when none is armed."""
        for file in sorted(self.waiting.glob(f"{kind}-*")):
            seconds = float(file.read_text())
            file.unlink()
            return seconds
        return None

    def clear(self) -> None:
        """Disarm whatever was not taken."""
        for file in self.waiting.glob("*"):
            file.unlink(missing_ok=True)

    @property
    def waiting(self) -> Path:
        """Where they lie."""
        return self.folder / "faults"

    def arm(self, kind: str, seconds: float, times: int) -> None:
        """Let a fault of this kind wait for each of the next requests; `seconds` is for the server to use."""
        self.waiting.mkdir(parents=True, exist_ok=True)
        for _ in range(times):
            name = f"{kind}-{uuid.uuid4().hex}"
            draft = self.waiting / f".{name}"
            draft.write_text(str(seconds))
            draft.rename(self.waiting / name)


@dataclass(frozen=True)
class Faults(Armed):
    """The faults for the next requests that change something."""

    def drop_after_effect(self, times: int = 1) -> None:
        """The next changes happen, and then the connection closes without an answer."""
        self.arm("drop_after_effect", 0.0, times)

    def delay_effect(self, seconds: float, times: int = 1) -> None:
        """The next changes happen only after so many seconds, even if the client has gone by then."""
        self.arm("delay_effect", seconds, times)
