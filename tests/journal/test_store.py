"""Both stores keep the promises of the port; the one in a file also says what is wrong with the file."""

import asyncio
import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Generator
from datetime import datetime
from pathlib import Path

import pytest

from agentkit.errors import JournalUnavailable
from agentkit.journal import sql
from agentkit.journal.memory import MemoryStore
from agentkit.journal.records import RunRecord
from agentkit.journal.sql import SqlStore
from agentkit.journal.store import Store, Transaction
from agentkit.journal.testing import NOON, StoreConformance
from tests.journal.processes import in_processes

RUN = RunRecord("r-1", "goal", "a goal", "agent:desk", "running", NOON, NOON)


class TestMemoryStore(StoreConformance):
    tells_tenants_apart = False

    @pytest.fixture(autouse=True)
    def one(self) -> None:
        self.store = MemoryStore()

    async def open(self, tenant: str = "default") -> Store:
        return self.store


class TestSqlStore(StoreConformance):
    @pytest.fixture(autouse=True)
    def place(self, url: str) -> None:
        self.url = url

    async def open(self, tenant: str = "default") -> Store:
        return SqlStore.open(self.url, tenant=tenant)


async def test_what_was_written_outlives_the_store(url: str):
    first = SqlStore.open(url)
    await first.write(lambda tx: tx.add(RUN))
    await first.close()

    second = SqlStore.open(url, create=False)

    assert await second.read(lambda tx: tx.get(RunRecord, "r-1")) == RUN
    await second.close()


async def test_a_file_is_ours_wal_and_fully_synchronised(url: str, tmp_path: Path):
    store = SqlStore.open(url)

    def pragmas(tx: Transaction) -> list[object]:
        connection = tx._connection  # type: ignore[attr-defined]
        names = ("journal_mode", "synchronous", "application_id")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert await store.read(pragmas) == ["wal", 2, sql.APPLICATION_ID]
    await store.close()


async def test_a_cancelled_write_is_over_when_the_cancellation_arrives(url: str):
    store = SqlStore.open(url)
    began, go = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def work(tx: Transaction) -> None:
        loop.call_soon_threadsafe(began.set)
        asyncio.run_coroutine_threadsafe(go.wait(), loop).result()
        tx.add(RUN)

    writing = asyncio.create_task(store.write(work))
    await began.wait()
    writing.cancel()
    await asyncio.sleep(0.02)
    still_writing = not writing.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await writing

    assert still_writing
    assert await store.read(lambda tx: tx.get(RunRecord, "r-1")) == RUN
    await store.close()


async def test_a_naive_time_is_refused(url: str):
    store = SqlStore.open(url)
    naive = RunRecord("r-1", "goal", "g", "a", "running", datetime(2026, 1, 1), NOON)

    with pytest.raises(Exception, match="has no time zone"):
        await store.write(lambda tx: tx.add(naive))

    await store.close()


def _open_and_write(url: str, number: int) -> None:
    async def main() -> None:
        store = SqlStore.open(url)
        run = RunRecord(f"r-{number}", "goal", "g", "agent:desk", "running", NOON, NOON)
        await store.write(lambda tx: tx.add(run))
        await store.close()

    asyncio.run(main())


async def test_many_processes_make_one_journal(url: str):
    exit_codes = await in_processes(*[(_open_and_write, url, number) for number in range(6)])

    store = SqlStore.open(url, create=False)
    assert exit_codes == [0] * 6
    assert len(await store.read(lambda tx: tx.find(RunRecord))) == 6
    await store.close()


# What can be wrong with the file -------------------------------------------------------------------------------


def refused(url: str, *, create: bool = True) -> str:
    with pytest.raises(JournalUnavailable) as refusal:
        SqlStore.open(url, create=create)
    return str(refusal.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    message = refused(f"sqlite:///{tmp_path}/nowhere/acts.db")

    assert f"{tmp_path}/nowhere" in message
    assert "does not exist" in message


def test_a_journal_that_should_be_there_is_not_made(tmp_path: Path, url: str):
    message = refused(url, create=False)

    assert "there is no journal" in message
    assert list(tmp_path.iterdir()) == []


def test_a_text_file_is_no_journal_and_stays_as_it_is(tmp_path: Path, url: str):
    (tmp_path / "acts.db").write_text("Dear diary, " * 100)

    message = refused(url)

    assert "not a database" in message
    assert (tmp_path / "acts.db").read_text() == "Dear diary, " * 100


def test_a_folder_is_no_journal(tmp_path: Path):
    assert "cannot use" in refused(f"sqlite:///{tmp_path}")


def test_another_programs_database_is_left_alone(tmp_path: Path, url: str):
    with contextlib.closing(sqlite3.connect(tmp_path / "acts.db")) as theirs:
        theirs.execute("CREATE TABLE recipes (name)")

    message = refused(url)

    with contextlib.closing(sqlite3.connect(tmp_path / "acts.db")) as theirs:
        tables = theirs.execute("SELECT name FROM sqlite_master").fetchall()
    assert "database of something else" in message
    assert tables == [("recipes",)]


@pytest.mark.parametrize("version", ["2", None])
async def test_another_schema_version_is_named(tmp_path: Path, url: str, version: str | None):
    await SqlStore.open(url).close()
    with contextlib.closing(sqlite3.connect(tmp_path / "acts.db")) as newer:
        newer.execute("DELETE FROM agentkit_meta")
        if version:
            newer.execute("INSERT INTO agentkit_meta VALUES ('schema_version', ?)", (version,))
        newer.commit()

    message = refused(url)

    assert f"has schema version {version}, this agentkit speaks 1" in message


def test_a_locked_file_says_so_after_a_while(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sql, "LOCKED_FOR", 0.1)
    with contextlib.closing(sqlite3.connect(tmp_path / "acts.db", isolation_level=None)) as somebody:
        somebody.execute("BEGIN EXCLUSIVE")

        assert "locked" in refused(url)


async def test_a_lock_in_the_middle_keeps_nothing_and_says_so(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sql, "LOCKED_FOR", 0.1)
    store = SqlStore.open(url)
    with contextlib.closing(sqlite3.connect(tmp_path / "acts.db", isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalUnavailable, match=r"locked.*Nothing of it was kept"):
            await store.write(lambda tx: tx.add(RUN))

    assert await store.read(lambda tx: tx.find(RunRecord)) == []
    await store.close()


async def test_a_file_that_is_damaged_later_is_no_riddle(tmp_path: Path, url: str):
    store = SqlStore.open(url)
    await store.write(lambda tx: tx.add(RUN))
    await store.close()
    store = SqlStore.open(url)
    data = (tmp_path / "acts.db").read_bytes()
    (tmp_path / "acts.db").write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))

    with pytest.raises(JournalUnavailable, match=r"malformed|not a database"):
        await store.write(lambda tx: (tx.find(RunRecord), tx.add(RUN)))

    await store.close()


@contextlib.contextmanager
def readable_only(path: Path) -> Generator[None]:
    """Whoever runs the tests: root may write everywhere, so for a moment it is nobody."""
    path.chmod(0o444)
    path.parent.chmod(0o555)
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(65534)
        yield
    finally:
        if root:
            os.seteuid(0)
        path.parent.chmod(0o755)


async def test_a_file_that_may_only_be_read_is_no_journal():
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "acts.db"
        await SqlStore.open(f"sqlite:///{file}").close()

        with readable_only(file):
            message = refused(f"sqlite:///{file}")

    assert "cannot use" in message


@pytest.mark.parametrize("url", ["postgresql://u:geheim@h/d", "sqlite://", "sqlite:///:memory:"])
def test_what_this_version_does_not_speak_is_refused_without_the_password(url: str):
    message = refused(url)

    assert "memory:" in message
    assert "geheim" not in message
