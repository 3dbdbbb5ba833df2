"""The journal's store in a SQL database: SQLite in WAL mode with full synchronisation."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, inspect, make_url, select, update
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.sql import ColumnElement

from agentkit.errors import JournalUnavailable
from agentkit.journal.records import Entry, Record
from agentkit.journal.store import AnyRecord, T, Transaction
from agentkit.journal.tables import SCHEMA_VERSION, TABLES, entries, meta, metadata

SPANS = "agentkit_spans"  # the traces may have come first
APPLICATION_ID = 0x61676B74  # "agkt", in the header of the file: `file acts.db` and foreign programs can see it

LOCKED_FOR = 30.0
"""Seconds that a transaction waits for those of other processes."""


class SqlStore:
    """All work goes through one thread with one connection, one whole transaction at a time."""

    def __init__(self, engine: Engine, tenant: str) -> None:
        self._engine = engine
        self._tenant = tenant
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="agentkit-journal")

    @classmethod
    def open(cls, url: str, *, tenant: str = "default", create: bool = True) -> "SqlStore":
        """Open a journal, making it where `create` allows.

        Raises:
            JournalUnavailable: missing, unreadable, somebody else's, or from another version.
        """
        engine = _engine(url, create)
        try:
            with engine.connect() as connection:
                _recognise(connection, url, create)
        except DatabaseError as error:
            engine.dispose()
            raise JournalUnavailable(f"cannot use {_shown(url)} as a journal: {error.orig}") from None
        except JournalUnavailable:
            engine.dispose()
            raise
        return cls(engine, tenant)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction; it is durable when this returns."""
        return await self._in_thread(work, reading=False)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction that only looks; needs no synchronisation with the disk."""
        return await self._in_thread(work, reading=True)

    async def close(self) -> None:
        """Finish what is under way and let go of the database."""
        self._thread.shutdown(wait=True)
        self._engine.dispose()

    async def _in_thread(self, work: Callable[[Transaction], T], *, reading: bool) -> T:
        future = asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work, reading)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # A transaction cannot be called back: leave only when it is known to have ended.
            await asyncio.wait([future])
            raise

    def _transact(self, work: Callable[[Transaction], T], reading: bool) -> T:
        try:
            with self._engine.connect().execution_options(agentkit_reading=reading) as connection, connection.begin():
                return work(_SqlTransaction(connection, self._tenant))
        except DatabaseError as error:
            raise JournalUnavailable(
                f"the journal {_shown(str(self._engine.url))} did not take the transaction: {error.orig}. "
                "Nothing of it was kept; free the lock or the disk and resume"
            ) from error


class _SqlTransaction:
    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    def get(self, kind: type[AnyRecord], *key: Any) -> AnyRecord | None:
        found = self.find(kind, **dict(zip(kind.KEY, key, strict=True)))
        return found[0] if found else None

    def find(self, kind: type[AnyRecord], /, **equals: Any) -> list[AnyRecord]:
        table = TABLES[kind]
        columns = [table.c[field.name] for field in fields(kind)]
        query = select(*columns).where(*self._conditions(table, equals)).order_by(*[table.c[n] for n in kind.ORDER])
        return [kind(**row) for row in self._connection.execute(query).mappings()]

    def add(self, record: Record) -> None:
        try:
            self._connection.execute(insert(TABLES[type(record)]).values(tenant=self._tenant, **_columns(record)))
        except IntegrityError as error:
            raise ValueError(f"there is a {type(record).__name__} {_key(record)} already: {error.orig}") from error

    def save(self, record: Record) -> None:
        table = TABLES[type(record)]
        changed = update(table).where(*self._conditions(table, _key(record))).values(**_columns(record))
        if self._connection.execute(changed).rowcount != 1:
            raise ValueError(f"there is no {type(record).__name__} {_key(record)} to save")

    def append(self, entry: Entry) -> None:
        self._connection.execute(insert(entries).values(tenant=self._tenant, **_columns(entry)))

    def entries(self, run: str, action: str | None = None) -> list[Entry]:
        wanted = {"run": run} if action is None else {"run": run, "action": action}
        columns = [entries.c[field.name] for field in fields(Entry)]
        query = select(*columns).where(*self._conditions(entries, wanted)).order_by(entries.c.sequence)
        return [Entry(**row) for row in self._connection.execute(query).mappings()]

    def _conditions(self, table: Table, equals: dict[str, Any]) -> list[ColumnElement[bool]]:
        return [table.c.tenant == self._tenant] + [
            table.c[name].in_(cast("tuple[Any, ...]", value)) if isinstance(value, tuple) else table.c[name] == value
            for name, value in equals.items()
        ]


def _columns(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _key(record: Record) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.KEY}


def _engine(url: str, create: bool) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise JournalUnavailable(f"{_shown(url)}: journals are 'sqlite:///file.db' or 'memory:' in this version")
    if not parsed.database or parsed.database == ":memory:":
        raise JournalUnavailable("a SQLite journal needs a file ('sqlite:///acts.db'); for none at all use 'memory:'")
    file = Path(parsed.database)
    if not file.parent.is_dir():
        raise JournalUnavailable(f"the folder {file.parent} of the journal {file} does not exist; make it first")
    if not create and not file.exists():
        raise JournalUnavailable(f"there is no journal at {file}; name one with --journal, or run an agent first")
    if create and not file.exists():
        file.touch(mode=0o600)  # it will hold what agents read and write
    # The driver's own transactions begin too late and as readers: two of them then lose each other's updates.
    how = {"timeout": LOCKED_FOR, "isolation_level": None}
    engine = create_engine(url, connect_args=how, pool_size=1, max_overflow=0)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get("agentkit_reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _recognise(connection: Connection, url: str, create: bool) -> None:
    """Tell our own database from an empty one and from somebody else's."""
    with connection.begin():
        tables = {name for name in inspect(connection).get_table_names() if name != SPANS}
        if meta.name in tables:
            _check_version(connection, url)
        elif tables or not create:
            raise JournalUnavailable(f"{_shown(url)} is a database of something else; choose another file")
        else:
            connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
            metadata.create_all(connection)
            connection.execute(insert(meta).values(name="schema_version", value=str(SCHEMA_VERSION)))


def _check_version(connection: Connection, url: str) -> None:
    version = connection.execute(select(meta.c.value).where(meta.c.name == "schema_version")).scalar()
    if version != str(SCHEMA_VERSION):
        raise JournalUnavailable(
            f"{_shown(url)} has schema version {version}, this agentkit speaks {SCHEMA_VERSION}; "
            "use the agentkit that wrote it, or another file"
        )


def _shown(url: str) -> str:
    return make_url(url).render_as_string(hide_password=True)
