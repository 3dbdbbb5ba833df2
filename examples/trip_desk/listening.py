"""Listening on the loopback, and the note a server leaves in its folder once it does."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

HOST = "127.0.0.1"
NOTE = "ready.json"


def listen(port: int = 0) -> socket.socket:
    """A listening socket on the loopback; port 0 lets the system choose, so no two servers race for one."""
    listener = socket.create_server((HOST, port))
    listener.setblocking(False)
    return listener


def port_of(listener: socket.socket) -> int:
    return listener.getsockname()[1]


def announce(folder: Path, ports: dict[str, int]) -> None:
    """Say in the folder which ports are served; whoever reads the note may connect."""
    draft = folder / f"{NOTE}.draft"
    draft.write_text(json.dumps({"pid": os.getpid(), "ports": ports}))
    draft.replace(folder / NOTE)


def announced(folder: Path) -> dict[str, int] | None:
    """The ports of the note in the folder, or None while there is none."""
    note = folder / NOTE
    return json.loads(note.read_text())["ports"] if note.exists() else None


def withdraw(folder: Path) -> None:
    """Take the note of an earlier run away."""
    (folder / NOTE).unlink(missing_ok=True)
