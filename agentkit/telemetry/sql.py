"""The spans in a SQL database: a table of their own beside the journal's."""

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    NullPool,
    String,
    Table,
    Text,
    create_engine,
    event,
    insert,
    inspect,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, DatabaseError

from agentkit.errors import InvalidSettings, JournalUnavailable
from agentkit.telemetry.row import SpanEvent, SpanLink, SpanRow, in_order

metadata = MetaData()

spans = Table(
    "agentkit_spans", metadata,
    Column("id", Integer, primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("trace_id", String(32), nullable=False),
    Column("span_id", String(16), nullable=False),
    Column("parent_id", String(16)),
    Column("run", String(64)),
    Column("name", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("started_us", BigInteger, nullable=False),  # microseconds since 1970, as a datetime can tell them
    Column("ended_us", BigInteger, nullable=False),
    Column("failure", Text),
    Column("details", Text, nullable=False),  # attributes, links and events in JSON
    Index("agentkit_spans_of_run", "tenant", "run"),
)  # fmt: skip


class SqlSpans:
    """Spans in the table `agentkit_spans`, which is made with the first of them.

    A connection is open for one transaction only: nothing is held that a fork or a sudden end could harm.
    """

    def __init__(self, url: str, tenant: str) -> None:
        self._file = _file(url)
        self._tenant = tenant
        self._writing = _engine(self._file, _configure)
        self._reading = _engine(self._file, None)

    def write(self, rows: Sequence[SpanRow]) -> None:
        """Keep the rows in one transaction."""
        with self._writing.begin() as connection:
            metadata.create_all(connection)
            connection.execute(insert(spans), [self._columns(row) for row in rows])

    def read(self, run: str) -> list[SpanRow]:
        """Every span of a run; none where there is no database or table yet.

        Raises:
            JournalUnavailable: the database cannot be read.
        """
        if not self._file.exists():
            return []
        try:
            with self._reading.connect() as connection:
                return self._rows(connection, run)
        except DatabaseError as error:
            raise JournalUnavailable(f"cannot read the spans in {self._file}: {error.orig}") from None

    def _rows(self, connection: Connection, run: str) -> list[SpanRow]:
        if not inspect(connection).has_table(spans.name):
            return []
        query = select(spans).where(spans.c.tenant == self._tenant, spans.c.run == run).order_by(spans.c.id)
        return in_order([_row(found) for found in connection.execute(query).mappings()])

    def _columns(self, row: SpanRow) -> dict[str, Any]:
        return {
            "tenant": self._tenant,
            "trace_id": row.trace_id,
            "span_id": row.span_id,
            "parent_id": row.parent_id,
            "run": row.run,
            "name": _storable(row.name),
            "kind": row.kind,
            "started_us": _microseconds(row.start),
            "ended_us": _microseconds(row.end),
            "failure": None if row.failure is None else _storable(row.failure),
            "details": json.dumps(
                {
                    "attributes": dict(row.attributes),
                    "links": [[link.trace_id, link.span_id, link.kind] for link in row.links],
                    "events": [[e.name, _microseconds(e.at), dict(e.attributes)] for e in row.events],
                }
            ),
        }


def _row(found: Any) -> SpanRow:
    details = json.loads(found["details"])
    return SpanRow(
        trace_id=found["trace_id"],
        span_id=found["span_id"],
        parent_id=found["parent_id"],
        run=found["run"],
        name=found["name"],
        kind=found["kind"],
        start=_time(found["started_us"]),
        end=_time(found["ended_us"]),
        failure=found["failure"],
        attributes=details["attributes"],
        links=[SpanLink(*link) for link in details["links"]],
        events=[SpanEvent(name, _time(at), attributes) for name, at, attributes in details["events"]],
    )


def _file(url: str) -> Path:
    with suppress(ArgumentError):
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database and parsed.database != ":memory:":
            return Path(parsed.database).absolute()  # the program may change its working directory
    raise InvalidSettings("spans are kept in 'sqlite:///file.db' or, with 'memory:', not beyond the process")


def _engine(file: Path, configure: Any) -> Engine:
    # The driver's own transactions would begin too late, as readers, and fail when somebody else has written.
    settings = {"timeout": 30, "isolation_level": None}
    engine = create_engine(f"sqlite:///{file}", connect_args=settings, poolclass=NullPool)
    if configure:
        event.listen(engine, "connect", configure)
        event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    # A power failure may take the last spans. Actions are safe: the journal synchronises fully.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _storable(text: str) -> str:
    """SQLite takes no lone surrogates, and one of them must not cost a whole batch."""
    return text.encode("utf-8", "replace").decode()


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _microseconds(time: datetime) -> int:
    since = time - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _time(microseconds: int) -> datetime:
    seconds, rest = divmod(microseconds, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
