"""Children under faults, and the wire that their connections pass."""

import asyncio
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from agentkit_tools.testing.child import note, run_in_child
from agentkit_tools.testing.cuts import CUT
from agentkit_tools.testing.faults import Death, HungUp, LateRequest, LostAnswer, Silence, Undelivered
from agentkit_tools.testing.wire import Wire


class Echo:
    """A server in this process that writes down what it is told, and says it back."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._talks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Echo":
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        await asyncio.gather(*self._talks, return_exceptions=True)
        await asyncio.sleep(0)  # in which closed connections are let go

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.append(task)
        try:
            while line := await reader.readline():
                self.heard.append(line.decode().strip())
                writer.write(line)
        except ConnectionResetError:
            pass  # that is what these tests are about
        finally:
            writer.close()

    async def say_twice(self) -> list[str]:
        """In the child: two requests over one connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        answers: list[str] = []
        for word in ("one", "two"):
            writer.write(f"{word}\n".encode())
            answers.append((await reader.readline()).decode().strip())
        writer.close()
        return answers


async def test_without_a_fault_everything_passes_the_wire() -> None:
    async with Echo() as echo:
        with Wire() as wire:
            ended = await run_in_child(echo.say_twice, wire=wire)

    assert (ended.exit, ended.report, echo.heard) == (0, ["one", "two"], ["one", "two"])
    assert (ended.armed.requests, ended.armed.answers) == (2, 2)


@pytest.mark.parametrize(
    ("fault", "heard"),
    [(LostAnswer(2), ["one", "two"]), (HungUp(2), ["one", "two"]), (Undelivered(2), ["one"]), (Undelivered(1), [])],
)
async def test_a_connection_breaks_where_it_should(fault: Any, heard: list[str]) -> None:
    async with Echo() as echo:
        with Wire() as wire:
            ended = await run_in_child(echo.say_twice, fault, wire=wire)
            await asyncio.sleep(0.05)

    assert (ended.seen, echo.heard) == (True, heard)


async def test_a_late_request_arrives_when_it_is_let_go_though_its_sender_is_dead() -> None:
    async with Echo() as echo:
        with Wire() as wire:
            ended = await run_in_child(echo.say_twice, LateRequest(2), wire=wire)
            before = list(echo.heard)
            await wire.release(ended.armed)

    assert (ended.seen, before, echo.heard) == (True, ["one"], ["one", "two"])


async def test_an_answer_that_never_comes_is_waited_for_until_the_end_of_patience() -> None:
    async with Echo() as echo:
        with Wire() as wire:
            ended = await run_in_child(echo.say_twice, Silence(1), wire=wire, seconds=0.3)

    assert (ended.exit, ended.seen, ended.report, echo.heard) == (None, True, None, ["one"])


async def test_a_server_that_is_not_there_refuses_as_it_does_without_the_wire() -> None:
    async def knock() -> str:
        try:
            await asyncio.open_connection("127.0.0.1", 1)
        except ConnectionRefusedError:
            return "refused"
        return "open"

    with Wire() as wire:
        ended = await run_in_child(knock, wire=wire)

    assert ended.report == "refused"


async def test_a_child_dies_at_each_of_its_points_and_leaves_what_it_had_made_durable(tmp_path: Path) -> None:
    file = tmp_path / "rows.db"
    with sqlite3.connect(file) as db:
        db.execute("create table rows (n int)")
    db.close()

    async def write() -> None:
        note("beginning")
        connection = sqlite3.connect(file)
        with connection:
            connection.execute("insert into rows values (1)")
        connection.close()
        (tmp_path / "done").write_text("")

    def rows() -> int:
        db = sqlite3.connect(file)
        (count,) = db.execute("select count(*) from rows").fetchone()
        db.close()
        return count

    whole = await run_in_child(write, Death(None))
    first = await run_in_child(write, Death(1))
    between = rows()
    second = await run_in_child(write, Death(2))

    assert [point.rpartition(" by ")[0] for point in whole.points[:2]] == [
        "before commit to rows.db",
        "after commit to rows.db",
    ]
    assert whole.points[2].startswith("before open of")
    assert (first.exit, first.seen, first.notes, between) == (CUT, True, ("beginning",), 1)
    assert (second.exit, second.points[-1], rows()) == (CUT, whole.points[1], 2)


async def test_a_child_never_goes_on_as_its_parent(capfd: pytest.CaptureFixture[str]) -> None:
    async def broken() -> None:
        raise SystemExit(0)

    ended = await run_in_child(broken)

    assert (ended.exit, ended.report) == (1, None)
    assert "SystemExit" in capfd.readouterr().err
    assert os.getpid() > 0
