"""What the submission server does wrong next: each fault is a file, armed from any process, and used up by one mail."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["drop_after_data", "drop_before_accept", "late"]


@dataclass(frozen=True)
class Faults:
    """The faults that wait in a server's folder."""

    folder: Path

    def drop_after_data(self, times: int = 1) -> None:
        """The next mails are delivered, and then the connection closes without an answer."""
        self._arm("drop_after_data", 0.0, times)

    def drop_before_accept(self, times: int = 1) -> None:
        """At the final dot of the next mails the connection closes, and nothing is delivered."""
        self._arm("drop_before_accept", 0.0, times)

    def late(self, seconds: float, times: int = 1) -> None:
        """At the final dot of the next mails the connection closes; they are delivered so many seconds later."""
        self._arm("late", seconds, times)

    def refuse_recipients(self, addresses: Iterable[str]) -> None:
        """These are unknown from now on, until `clear`."""
        self._waiting.mkdir(parents=True, exist_ok=True)
        (self._waiting / "refused.json").write_text(json.dumps(list(addresses)))

    def refused(self) -> list[str]:
        """Who is unknown at present."""
        file = self._waiting / "refused.json"
        return json.loads(file.read_text()) if file.exists() else []

    def take(self, kind: Kind) -> float | None:
        """Use up one armed fault of this kind: its seconds, or None when none is armed."""
        for file in sorted(self._waiting.glob(f"{kind}-*")):
            seconds = float(file.read_text())
            file.unlink()
            return seconds
        return None

    def clear(self) -> None:
        """Disarm whatever was not taken."""
        for file in self._waiting.glob("*"):
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
