"""Cyrus as a process: as whom it runs, on which ports, from its start to its end."""

from __future__ import annotations

import contextlib
import grp
import imaplib
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers.cyrus.packages import Programs

HOST = "127.0.0.1"
PATIENCE = 20.0


class ServerError(Exception):
    """Cyrus did not start; the message says what was seen of it."""


def owner() -> tuple[str, str]:
    """The user and the group that Cyrus runs as: whoever we are, with nobody in the place of root."""
    entry = pwd.getpwuid(os.getuid() or pwd.getpwnam("nobody").pw_uid)
    return entry.pw_name, grp.getgrgid(entry.pw_gid).gr_name


def hand_over(place: Path) -> None:
    """Give the folder to the owner; nothing to do where it is ours already."""
    if os.getuid() == 0:
        entry = pwd.getpwnam(owner()[0])
        for each in (place, *place.rglob("*")):
            os.chown(each, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


def free_ports(*names: str) -> dict[str, int]:
    """Ports that were free just now, each another: Cyrus cannot be given sockets that listen already."""
    with contextlib.ExitStack() as taken:
        sockets = {name: taken.enter_context(socket.create_server((HOST, 0))) for name in names}
        return {name: each.getsockname()[1] for name, each in sockets.items()}


@contextmanager
def serving(place: Path, programs: Programs, imap_port: int, passwords: Mapping[str, str]) -> Generator[None]:
    """Run it until the block ends; inside, everybody has logged in once and so has folders.

    Raises:
        ServerError: it ended, or does not answer.
    """
    said = place / "master.out"
    with said.open("wb") as out:
        # In a group of its own: when it ends, it signals its whole group.
        master = subprocess.Popen(
            _command(place, programs),
            env=dict(programs.environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            **_as_owner(),
        )
    try:
        for address, password in passwords.items():
            _wait_for_login(master, imap_port, address, password, said)
        yield
    finally:
        _end(master)


def _command(place: Path, programs: Programs) -> list[Path | str]:
    files = ["-C", place / "imapd.conf", "-M", place / "cyrus.conf", "-p", place / "master.pid"]
    return [programs.program("master"), "-D", *files]


def _as_owner() -> dict[str, Any]:
    if os.getuid() != 0:
        return {}
    entry = pwd.getpwnam(owner()[0])
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/"}


def _wait_for_login(master: subprocess.Popen[Any], port: int, address: str, password: str, said: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while error := _login_error(port, address, password):
        if master.poll() is not None or time.monotonic() > deadline:
            raise ServerError(f"Cyrus does not let {address} in: {error}; it said: {said.read_text(errors='replace')}")
        time.sleep(0.05)


def _login_error(port: int, address: str, password: str) -> str:
    """Empty when it worked. The first login of a user makes the folders."""
    try:
        with imaplib.IMAP4(HOST, port, timeout=PATIENCE) as box:
            box.login(address, password)
    except (OSError, imaplib.IMAP4.error) as error:
        return str(error) or type(error).__name__
    return ""


def _end(master: subprocess.Popen[Any]) -> None:
    """Politely; whatever of its group is left then goes with it."""
    master.terminate()
    try:
        master.wait(timeout=10)
    except subprocess.TimeoutExpired:
        master.kill()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(master.pid, signal.SIGKILL)
    master.wait()
