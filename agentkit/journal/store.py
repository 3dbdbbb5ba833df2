"""The port to a database: serial transactions over records and entries."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol, TypeVar

from agentkit.journal.records import Entry, Record

AnyRecord = TypeVar("AnyRecord", bound=Record)
T = TypeVar("T")

Clock = Callable[[], datetime]
"""Returns an aware UTC time."""


class Transaction(Protocol):
    """What a rule of the journal may do. All of it happens, or nothing does."""

    def get(self, kind: type[AnyRecord], *key: Any) -> AnyRecord | None:
        """The record with that primary key."""
        ...

    def find(self, kind: type[AnyRecord], /, **equals: Any) -> list[AnyRecord]:
        """Records whose columns have these values (a tuple means any of them), in the record's own order."""
        ...

    def add(self, record: Record) -> None:
        """A new record.

        Raises:
            ValueError: there is one of that key already.
        """
        ...

    def save(self, record: Record) -> None:
        """The new state of a record that exists.

        Raises:
            ValueError: there is none of that key.
        """
        ...

    def append(self, entry: Entry) -> None:
        """One more line of the journal."""
        ...

    def entries(self, run: str, action: str | None = None) -> list[Entry]:
        """The lines of a run, or of one of its actions, oldest first."""
        ...


class Store(Protocol):
    """Runs transactions one after another, as if alone, for one tenant.

    When `write` has returned, the work survives the process and the power.
    """

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction that may change things. An exception from `work` undoes all of it."""
        ...

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction that only looks."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of the database."""
        ...
