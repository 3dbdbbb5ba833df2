"""Cut points: before and after every commit to a database and every write to a socket, counted as they happen.

A transaction that changed nothing has nothing to commit and is no point.
"""

import os
import re
import socket
import sqlite3
import threading
from collections import Counter
from pathlib import Path
from sqlite3 import dbapi2
from typing import Any

CUT = 77
"""The exit code of a process that was cut: nothing else uses it."""


class Cuts:
    """Names the points of this process, leaves a trail of them in a file, and dies at the chosen one.

    A point's name is what happens there and the how-manieth time, so that it means the same in every run.
    """

    def __init__(self, trail: Path, at: str | None) -> None:
        self._at = at
        self._times: Counter[str] = Counter()
        self._trail = os.open(trail, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def point(self, what: str) -> None:
        """Here the process may die."""
        self._times[what] += 1
        name = f"{what} #{self._times[what]}"
        os.write(self._trail, (name + "\n").encode())
        if name == self._at:
            os._exit(CUT)

    def install(self) -> None:
        """Make every commit and every socket write of this process a pair of points."""
        self._watch_commits()
        for name in ("send", "sendall"):
            self._watch_socket(name)

    def _watch_commits(self) -> None:
        cuts = self

        class Connection(sqlite3.Connection):
            committed = 0

            def commit(self) -> None:
                if self.total_changes == self.committed:
                    return super().commit()
                file = Path(self.execute("PRAGMA database_list").fetchone()[2]).name
                thread = threading.current_thread().name.partition("_")[0]
                cuts.point(f"before commit to {file} by {thread}")
                super().commit()
                self.committed = self.total_changes
                cuts.point(f"after commit to {file} by {thread}")

        plain = sqlite3.connect

        def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
            return plain(*args, **{"factory": Connection, **kwargs})

        sqlite3.connect = dbapi2.connect = connect

    def _watch_socket(self, name: str) -> None:
        cuts, plain = self, getattr(socket.socket, name)

        def write(this: socket.socket, data: Any, *flags: Any) -> Any:
            if this.family not in (socket.AF_INET, socket.AF_INET6):
                return plain(this, data, *flags)  # the event loop's own wake-up call
            shown = _the_same_in_every_run(bytes(data[:40]))
            cuts.point(f"before write of {shown}")
            sent = plain(this, data, *flags)
            cuts.point(f"after write of {shown}")
            return sent

        setattr(socket.socket, name, write)


def _the_same_in_every_run(data: bytes) -> str:
    """Without the numbers, keys and tags that are drawn anew."""
    return re.sub(r"b'[A-Z]{4}\d+ |ak-[0-9a-f]*|[0-9a-f-]{8,}|\d+", "*", repr(data))
