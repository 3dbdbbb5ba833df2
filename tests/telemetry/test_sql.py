"""Spans in the journal's database: beside it, never in its way."""

import logging
import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from agentkit.errors import InvalidSettings, JournalUnavailable
from agentkit.telemetry import Tracing, names

RUN = {names.RUN: "r-1"}


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'acts.db'}"


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program that finds `tracing` open on the database of the folder."""
    opened = f"import os\nfrom agentkit.telemetry import Tracing, names\ntracing = Tracing.open({url(folder)!r})\n"
    return subprocess.run(
        [sys.executable, "-c", opened + textwrap.dedent(program)],
        capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip


def names_of(folder: Path, of: str = "r-1") -> list[str]:
    tracing = Tracing.open(url(folder))
    try:
        return [row.name for row in tracing.spans(of)]
    finally:
        tracing.close()


def test_the_tail_is_kept_on_closing(tmp_path):
    tracing = Tracing.open(url(tmp_path))
    for number in range(1000):
        with tracing.span(f"agentkit.step {number}", attributes=RUN):
            pass
    tracing.close()
    assert len(names_of(tmp_path)) == 1000


def test_a_program_that_forgets_to_close_ends_quickly_and_keeps_the_tail(tmp_path):
    before = time.monotonic()
    ended = run("with tracing.span('invoke_agent', attributes={names.RUN: 'r-1'}): pass", tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert time.monotonic() - before < 10
    assert names_of(tmp_path) == ["invoke_agent"]


@pytest.mark.parametrize("delay", [0.0, 0.02, 1.005, 1.02, 1.05])
def test_a_sudden_end_does_not_harm_the_database(tmp_path, delay):
    program = f"""
        import threading, time
        with tracing.span('kept', attributes={{names.RUN: 'r-1'}}): pass
        tracing.spans('r-1')
        threading.Timer({delay}, lambda: os._exit(9)).start()
        while True:
            with tracing.span('agentkit.step', attributes={{names.RUN: 'r-2'}}): time.sleep(0.0001)
    """
    assert run(program, tmp_path).returncode == 9
    assert names_of(tmp_path) == ["kept"]
    database = sqlite3.connect(tmp_path / "acts.db")
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()


def test_other_tables_are_left_alone(tmp_path):
    database = sqlite3.connect(tmp_path / "acts.db")
    database.executescript("PRAGMA application_id = 7; CREATE TABLE mine (x); INSERT INTO mine VALUES (1)")
    tracing = Tracing.open(url(tmp_path), synchronous=True)
    with tracing.span("invoke_agent", attributes=RUN):
        pass
    tracing.close()
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    assert tables == [("agentkit_spans",), ("mine",)]
    assert database.execute("SELECT x FROM mine").fetchall() == [(1,)]
    assert database.execute("PRAGMA application_id").fetchall() == [(7,)]
    database.close()


def test_without_a_span_nothing_is_made(tmp_path):
    tracing = Tracing.open(url(tmp_path))
    assert tracing.spans("r-1") == []
    tracing.close()
    assert list(tmp_path.iterdir()) == []


def test_reading_a_database_without_spans_changes_nothing_in_it(tmp_path):
    database = sqlite3.connect(tmp_path / "acts.db")
    database.execute("CREATE TABLE mine (x)")
    database.close()
    before = (tmp_path / "acts.db").read_bytes()
    assert names_of(tmp_path) == []
    assert (tmp_path / "acts.db").read_bytes() == before


def test_tenants_do_not_see_each_other(tmp_path):
    ours = Tracing.open(url(tmp_path), tenant="ours", synchronous=True)
    theirs = Tracing.open(url(tmp_path), tenant="theirs", synchronous=True)
    with ours.span("invoke_agent", attributes=RUN):
        pass
    assert (len(ours.spans("r-1")), len(theirs.spans("r-1"))) == (1, 0)
    ours.close()
    theirs.close()


def test_spans_wait_for_a_writer_and_actions_do_not_wait_for_spans(tmp_path):
    with sqlite3.connect(tmp_path / "acts.db", isolation_level=None, check_same_thread=False) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("BEGIN IMMEDIATE")
        tracing = Tracing.open(url(tmp_path))
        before = time.monotonic()
        with tracing.span("invoke_agent", attributes=RUN):
            pass
        assert time.monotonic() - before < 0.1
        release = threading.Timer(0.5, database.execute, ["COMMIT"])
        release.start()
        tracing.close()
        release.join()
    database.close()
    assert names_of(tmp_path) == ["invoke_agent"]


def test_several_processes_write_side_by_side(tmp_path):
    def worker() -> None:
        done = run(
            """
            for number in range(300):
                with tracing.span('agentkit.step', attributes={names.RUN: 'r-1'}): pass
                if number % 30 == 0: tracing.spans('r-1')
            tracing.close()
            """,
            tmp_path,
        )
        assert done.returncode == 0, done.stderr

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names_of(tmp_path)) == 1200


@pytest.mark.parametrize("synchronous", [True, False])
def test_a_store_that_fails_is_said_in_the_log_and_nowhere_else(tmp_path, caplog, capfd, synchronous):
    (tmp_path / "acts.db").write_bytes(b"this is not a database" * 100)
    caplog.set_level(logging.WARNING, "agentkit")
    tracing = Tracing.open(url(tmp_path), synchronous=synchronous)
    with tracing.span("invoke_agent", attributes=RUN) as span:
        span.set(names.TURN, 1)
    tracing.close()
    assert "1 spans were lost" in caplog.text
    assert capfd.readouterr() == ("", "")
    assert (tmp_path / "acts.db").read_bytes().startswith(b"this is not")
    with pytest.raises(JournalUnavailable, match="cannot read the spans in"):
        tracing.spans("r-1")


def test_lost_spans_say_nothing_to_a_program_without_logging(tmp_path):
    (tmp_path / "acts.db").mkdir()
    ended = run("with tracing.span('invoke_agent', attributes={names.RUN: 'r-1'}): pass", tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_the_database_stays_the_same_when_the_working_directory_changes(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    tracing = Tracing.open("sqlite:///acts.db", synchronous=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    with tracing.span("invoke_agent", attributes=RUN):
        pass
    tracing.close()
    assert names_of(tmp_path) == ["invoke_agent"]
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("wrong", ["postgresql://host/db", "sqlite://", "sqlite:///:memory:", "acts.db"])
def test_other_databases_are_refused_with_what_there_is(wrong):
    with pytest.raises(InvalidSettings, match=r"spans are kept in 'sqlite:///file\.db'"):
        Tracing.open(wrong)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_traces_too(tmp_path):
    program = """
        import warnings; warnings.simplefilter('ignore')
        with tracing.span('parent', attributes={names.RUN: 'r-1'}): pass
        tracing.spans('r-1')
        if os.fork() == 0:
            with tracing.span('child', attributes={names.RUN: 'r-1'}): pass
            tracing.close()
            os._exit(0)
        os.wait()
        tracing.close()
    """
    ended = run(program, tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert names_of(tmp_path) == ["parent", "child"]
