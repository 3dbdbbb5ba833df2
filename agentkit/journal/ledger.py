"""What the parts of the journal share: a store, a clock and the writing of entries."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agentkit.journal.records import Entry
from agentkit.journal.store import Clock, Store, Transaction

_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def new_id(prefix: str) -> str:
    """A short name that a person can type and nobody can guess, such as `r-4k9w2m7x1cpa`."""
    return prefix + "-" + "".join(secrets.choice(_LETTERS) for _ in range(12))


@dataclass
class Ledger:
    """Rules of the journal are written once, over any store."""

    store: Store
    clock: Clock = utc_now

    def note(self, tx: Transaction, kind: str, run: str, action: str | None = None, **body: Any) -> None:
        """Append one entry."""
        tx.append(Entry(run, action, kind, self.clock(), body))

    async def look(self, work: Callable[[Transaction], Any]) -> Any:
        """Read something that has no method of its own."""
        return await self.store.read(work)
