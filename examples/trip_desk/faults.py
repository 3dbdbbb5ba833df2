"""Faults of a server, armed from any process: each one is a file, which the server removes to use it up."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["drop_after_effect", "delay_effect"]


@dataclass(frozen=True)
class Faults:
    """The faults that wait in a server's folder for its next requests that change something."""

    folder: Path

    def drop_after_effect(self, times: int = 1) -> None:
        """The next changes happen, and then the connection closes without an answer."""
        self._arm("drop_after_effect", 0.0, times)

    def delay_effect(self, seconds: float, times: int = 1) -> None:
        """The next changes happen only after so many seconds, even if the client has gone by then."""
        self._arm("delay_effect", seconds, times)

    def take(self, kind: Kind) -> float | None:
        """Use up one armed fault of this kind: its seconds, or None when none is armed."""
        for file in sorted(self._waiting.glob(f"{kind}-*")):
            seconds = float(file.read_text())
            file.unlink()
            return seconds
        return None

    def clear(self) -> None:
        """Disarm whatever was not taken."""
        for file in self._waiting.glob("*-*"):
            file.unlink(missing_ok=True)

    @property
    def _waiting(self) -> Path:
        return self.folder / "faults"

    def _arm(self, kind: Kind, seconds: float, times: int) -> None:
        self._waiting.mkdir(parents=True, exist_ok=True)
        for _ in range(times):
            name = f"{kind}-{uuid.uuid4().hex}"
            draft = self._waiting / f".{name}"
            draft.write_text(str(seconds))
            draft.rename(self._waiting / name)
