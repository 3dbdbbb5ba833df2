"""Cut points: where something becomes durable or leaves the process, counted as they happen.

They stand before and after every commit to a database and every write to a socket, and before every change to a file.
A transaction that changed nothing has nothing to commit and is no point.
"""

import os
import re
import socket
import sqlite3
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from sqlite3 import dbapi2
from typing import Any

CUT = 77
"""The exit code of a process that was cut: nothing else uses it."""

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = frozenset({"os.rename", "os.remove", "os.link", "os.symlink", "os.mkdir", "os.rmdir", "os.truncate"})
VERBS = ("INSERT", "UPDATE", "DELETE", "REPLACE")


class Cuts:
    """Names the points of this process, tells each of them, and dies at the chosen one.

    A point's name is what happens there and the how-manieth time, so that it means the same in every run.

    Args:
        tell: is told the name of every point that is reached.
        at: where to die: the name of a point, or the how-manieth of all; None for nowhere.
    """

    def __init__(self, tell: Callable[[str], None], at: str | int | None) -> None:
        self._tell = tell
        self._at = at
        self._times: Counter[str] = Counter()

    def point(self, what: str) -> None:
        """Here the process may die."""
        self._times[what] += 1
        name = f"{what} #{self._times[what]}"
        self._tell(name)
        if self._at in (name, self._times.total()):
            os._exit(CUT)

    def install(self) -> None:
        """Make every commit and every socket write of this process a pair of points."""
        watch_commits(self)
        for kind in (socket.socket, ssl.SSLSocket):
            for name in ("send", "sendall"):
                watch_socket(self, kind, name)

    def watch_files(self) -> None:
        """Make every file that is opened for writing, renamed or removed a point. For good: audit hooks stay."""
        working: list[bool] = []

        def hook(event: str, given: tuple[Any, ...]) -> None:
            if working or not (event in CHANGES or (event == "open" and _opens_to_write(given))):
                return
            working.append(True)
            self.point(f"before {event.removeprefix('os.')} of {_the_same_in_every_run(str(given[0])[-40:].encode())}")
            working.clear()

        sys.addaudithook(hook)


def watch_commits(cuts: Cuts) -> None:
    """Points at every way in which sqlite3 makes something durable."""

    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, *parameters: Any) -> "Cursor":
            by_itself = not self.connection.in_transaction and self.connection.isolation_level is None
            if not (by_itself and sql.lstrip()[:7].upper().startswith(VERBS)) and sql.strip(" ;").upper() != "COMMIT":
                super().execute(sql, *parameters)
                return self
            cuts.point("before a statement that commits")
            super().execute(sql, *parameters)
            cuts.point("after a statement that commits")
            return self

    class Connection(sqlite3.Connection):
        committed = 0

        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

        def __exit__(self, *error: Any) -> Any:
            if error[0] is None:
                self.commit()
            return super().__exit__(*error)

        def commit(self) -> None:
            if self.total_changes == self.committed:
                return super().commit()
            file = Path(super().cursor(sqlite3.Cursor).execute("PRAGMA database_list").fetchone()[2]).name
            thread = threading.current_thread().name.partition("_")[0]
            cuts.point(f"before commit to {file} by {thread}")
            super().commit()
            self.committed = self.total_changes
            cuts.point(f"after commit to {file} by {thread}")

    plain = sqlite3.connect

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        return plain(*args, **{"factory": Connection, **kwargs})

    sqlite3.connect = dbapi2.connect = connect


def watch_socket(cuts: Cuts, kind: type[socket.socket], name: str) -> None:
    """Points before and after every use of this method that goes to another program."""
    plain = getattr(kind, name)

    def write(this: socket.socket, data: Any, *flags: Any) -> Any:
        if this.family not in (socket.AF_INET, socket.AF_INET6) and not _is_named(this):
            return plain(this, data, *flags)  # the event loop's own wake-up call
        shown = _the_same_in_every_run(bytes(data[:40]))
        cuts.point(f"before write of {shown}")
        sent = plain(this, data, *flags)
        cuts.point(f"after write of {shown}")
        return sent

    setattr(kind, name, write)


def _is_named(this: socket.socket) -> bool:
    """Whether a Unix socket leads to an address, and not to the other end of a pair."""
    try:
        return bool(this.getpeername())
    except OSError:
        return False


def _opens_to_write(given: tuple[Any, ...]) -> bool:
    path, _, flags = given
    ours = isinstance(path, str | bytes) and "__pycache__" not in str(path) and not str(path).startswith("/dev/")
    return ours and bool((flags or 0) & WRITES)


def _the_same_in_every_run(data: bytes) -> str:
    """Without the numbers, keys and tags that are drawn anew."""
    return re.sub(r"b'[A-Z]{4}\d+ |ak-[0-9a-f]*|[0-9a-f-]{8,}|\d+", "*", repr(data))
