"""Leading every new connection of this process through the kit's wire, where faults are."""

import json
import os
import socket
import threading
from dataclasses import dataclass
from typing import Any

FAMILIES = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)
PATIENCE = 30.0
"""Seconds until a server that is being connected to must have answered."""


@dataclass
class Way:
    """Where new connections of this process go."""

    wire: str | None = None
    """The address of the wire's socket of every family, or None: straight on."""
    port: int = 0
    who: str = ""


WAY = Way()
OWN = "the wire"
"""The name of the thread whose connections always go straight: the wire's own."""
plain_connect = socket.socket.connect
plain_connect_ex = socket.socket.connect_ex


def through(wire: str, port: int, who: str) -> None:
    """From here on, new connections pass the wire: by its Unix socket or by its port of the loopback."""
    WAY.wire, WAY.port, WAY.who = wire, port, who
    socket.socket.connect = _connect
    socket.socket.connect_ex = _connect_ex


def straight() -> None:
    """From here on, new connections go straight to where they want."""
    WAY.wire = None


def _connect(this: socket.socket, address: Any) -> None:
    if not _is_led(this):
        return plain_connect(this, address)
    if problem := _by_the_wire(this, address):
        raise OSError(problem, os.strerror(problem))


def _connect_ex(this: socket.socket, address: Any) -> int:
    if not _is_led(this):
        return plain_connect_ex(this, address)
    return _by_the_wire(this, address)


def _is_led(this: socket.socket) -> bool:
    ours = threading.current_thread().name == OWN
    return WAY.wire is not None and not ours and this.family in FAMILIES and this.type == socket.SOCK_STREAM


def _by_the_wire(this: socket.socket, address: Any) -> int:
    """Say where to, and wait for the wire's word: 0, or the number of the error. It is near, so waiting is short."""
    timeout = this.gettimeout()
    this.settimeout(PATIENCE)
    try:
        plain_connect(this, _entrance(this.family))
        to = address.decode() if isinstance(address, bytes) else address
        this.sendall(json.dumps({"who": WAY.who, "family": this.family, "to": to}).encode() + b"\n")
        return int.from_bytes(_exactly(this, 2), "big")
    finally:
        this.settimeout(timeout)


def _entrance(family: int) -> Any:
    match family:
        case socket.AF_UNIX:
            return WAY.wire
        case socket.AF_INET6:
            return ("::ffff:127.0.0.1", WAY.port)
        case _:
            return ("127.0.0.1", WAY.port)


def _exactly(this: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = this.recv(count - len(data))
        if not more:
            raise ConnectionResetError("the wire has gone")
        data += more
    return data
