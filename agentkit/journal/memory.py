"""The journal's store without a database: the same promises for as long as the process lives."""

import copy
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from agentkit.journal.records import Entry, Record
from agentkit.journal.store import AnyRecord, T, Transaction


class MemoryStore:
    """Passes the same conformance suite as the SQL store."""

    def __init__(self) -> None:
        self._tables: dict[type[Any], dict[tuple[Any, ...], Any]] = defaultdict(dict)
        self._entries: list[Entry] = []
        self._one_at_a_time = threading.Lock()

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work`; if it fails, put back what it changed."""
        with self._one_at_a_time:
            transaction = _MemoryTransaction(self._tables, self._entries)
            try:
                return work(transaction)
            except BaseException:
                transaction.take_back()
                raise

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on what there is."""
        with self._one_at_a_time:
            return work(_MemoryTransaction(self._tables, self._entries))

    async def close(self) -> None:
        """Nothing to let go of."""


class _MemoryTransaction:
    def __init__(self, tables: dict[type[Any], dict[tuple[Any, ...], Any]], entries: list[Entry]) -> None:
        self._tables = tables
        self._entries = entries
        self._entries_before = len(entries)
        self._replaced: list[tuple[type[Any], tuple[Any, ...], Any]] = []

    def get(self, kind: type[AnyRecord], *key: Any) -> AnyRecord | None:
        return copy.deepcopy(self._tables[kind].get(key))

    def find(self, kind: type[AnyRecord], /, **equals: Any) -> list[AnyRecord]:
        found = [record for record in self._tables[kind].values() if _matches(record, equals)]
        return copy.deepcopy(sorted(found, key=lambda record: [getattr(record, name) for name in kind.ORDER]))

    def add(self, record: Record) -> None:
        if _key(record) in self._tables[type(record)]:
            raise ValueError(f"there is a {type(record).__name__} {_key(record)} already")
        self._put(record)

    def save(self, record: Record) -> None:
        if _key(record) not in self._tables[type(record)]:
            raise ValueError(f"there is no {type(record).__name__} {_key(record)} to save")
        self._put(record)

    def _put(self, record: Record) -> None:
        table, key = self._tables[type(record)], _key(record)
        self._replaced.append((type(record), key, table.get(key)))
        table[key] = copy.deepcopy(record)

    def append(self, entry: Entry) -> None:
        self._entries.append(copy.deepcopy(entry))

    def entries(self, run: str, action: str | None = None) -> list[Entry]:
        lines = [line for line in self._entries if line.run == run and action in (None, line.action)]
        return copy.deepcopy(lines)

    def take_back(self) -> None:
        del self._entries[self._entries_before :]
        for kind, key, before in reversed(self._replaced):
            if before is None:
                del self._tables[kind][key]
            else:
                self._tables[kind][key] = before


def _key(record: Record) -> tuple[Any, ...]:
    return tuple(getattr(record, name) for name in record.KEY)


def _matches(record: Any, equals: dict[str, Any]) -> bool:
    return all(
        getattr(record, name) in value if isinstance(value, tuple) else getattr(record, name) == value
        for name, value in equals.items()
    )
