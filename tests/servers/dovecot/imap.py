"""Dovecot as a process: as whom it runs, on which ports, from its start to its end."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
PATIENCE = 20.0


class ServerError(Exception):
    """Dovecot did not start; the message ends with what it said."""


@dataclass(frozen=True)
class Identity:
    """The ordinary user that Dovecot and the mail belong to."""

    user: str
    group: str
    uid: int
    gid: int

    def give(self, place: Path) -> None:
        """Hand a folder and everything in it over; nothing to do where it is ours already."""
        if self.uid == os.getuid():
            return
        for each in (place, *place.rglob("*")):
            os.chown(each, self.uid, self.gid, follow_symlinks=False)


def identity() -> Identity:
    """Whoever we are; root's place is taken by nobody."""
    uid = os.getuid() or pwd.getpwnam("nobody").pw_uid
    entry = pwd.getpwuid(uid)
    return Identity(entry.pw_name, grp.getgrgid(entry.pw_gid).gr_name, uid, entry.pw_gid)


@dataclass(frozen=True)
class Imap:
    """Dovecot, configured in `place`; what it says while starting goes to `folder`."""

    place: Path
    folder: Path

    @contextmanager
    def serving(self) -> Generator[dict[str, int]]:
        """Yields the ports."""
        ports = _free_ports("imap_port", "imaps_port")
        self._fill_in(ports)
        with (self.folder / "dovecot.out").open("wb") as said:
            process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=said, stderr=said, **_as_whom()
            )
        try:
            self._wait_until_ready(process, ports)
            yield ports
        finally:
            self._end(process)

    def _fill_in(self, ports: dict[str, int]) -> None:
        file = self.place / "dovecot.conf"
        written = file.read_text()
        for name, port in ports.items():
            written = written.replace(f"${name.upper()}", str(port))
        file.write_text(written)

    def _command(self) -> list[str]:
        program = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            raise ServerError("there is no dovecot here: sudo apt-get install --no-install-recommends dovecot-imapd")
        return [program, "-F", "-c", str(self.place / "dovecot.conf")]

    def _wait_until_ready(self, process: subprocess.Popen[Any], ports: dict[str, int]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not all(map(_accepts, ports.values())):
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerError(f"Dovecot did not start:\n{self._last_words()}")
            time.sleep(0.02)

    def _last_words(self) -> str:
        said = [file for file in (self.folder / "dovecot.out", self.place / "dovecot.log") if file.exists()]
        return "\n".join(line for file in said for line in file.read_text(errors="replace").splitlines()[-10:])

    def _end(self, process: subprocess.Popen[Any]) -> None:
        """Its children end when the master does; the log is kept where the caller finds it."""
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if (log := self.place / "dovecot.log").exists():
            shutil.copyfile(log, self.folder / "dovecot.log")


def _as_whom() -> dict[str, Any]:
    who = identity()
    if who.uid == os.getuid():
        return {}
    return {"user": who.uid, "group": who.gid, "extra_groups": [], "cwd": "/"}


def _free_ports(*names: str) -> dict[str, int]:
    """Ports that were free just now, each another: Dovecot cannot be given sockets that listen already."""
    with contextlib.ExitStack() as taken:
        sockets = {name: taken.enter_context(socket.create_server((HOST, 0))) for name in names}
        return {name: each.getsockname()[1] for name, each in sockets.items()}


def _accepts(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=5).close()
    except OSError:
        return False
    return True
