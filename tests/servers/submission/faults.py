"""What the submission server does wrong next: each fault is a file, armed from any process, and used up by one mail."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from examples.trip_desk.faults import Armed


@dataclass(frozen=True)
class Faults(Armed):
    """The faults for the next mails."""

    def drop_after_data(self, times: int = 1) -> None:
        """The next mails are delivered, and then the connection closes without an answer."""
        self.arm("drop_after_data", 0.0, times)

    def drop_before_accept(self, times: int = 1) -> None:
        """At the final dot of the next mails the connection closes, and nothing is delivered."""
        self.arm("drop_before_accept", 0.0, times)

    def late(self, seconds: float, times: int = 1) -> None:
        """At the final dot of the next mails the connection closes; they are delivered so many seconds later."""
        self.arm("late", seconds, times)

    def refuse_recipients(self, addresses: Iterable[str]) -> None:
        """These are unknown from now on, until `clear`."""
        self.waiting.mkdir(parents=True, exist_ok=True)
        (self.waiting / "refused.json").write_text(json.dumps(list(addresses)))

    def refused(self) -> list[str]:
        """Who is unknown at present."""
        file = self.waiting / "refused.json"
        return json.loads(file.read_text()) if file.exists() else []
