"""Who holds a claim, and whether they are provably dead."""

import functools
import json
import os
import secrets
import socket
import sys
from pathlib import Path

if sys.platform != "linux":
    import psutil


def new_owner() -> str:
    """A name for one attempt to carry a run on: where it runs, in which process, and a number of its own."""
    return json.dumps({**_this_process(), "nonce": secrets.token_hex(8)}, sort_keys=True)


def is_dead(owner: str) -> bool:
    """Whether the owner can be proven dead from here: same machine, same boot, and its process is gone.

    Anything less than proof is no: then only the lease decides.
    """
    them, us = json.loads(owner), _this_process()
    if (them["host"], them["boot"]) != (us["host"], us["boot"]):
        return False
    try:
        return _birth(them["pid"]) != them["born"]
    except PermissionError:
        return False


def _this_process() -> dict[str, str | int | float | None]:
    return _this_process_of(os.getpid())  # a fork is another process


@functools.cache
def _this_process_of(pid: int) -> dict[str, str | int | float | None]:
    return {"host": _host(), "boot": _boot(), "pid": pid, "born": _birth(pid)}


def _host() -> str:
    """The machine as far as process numbers mean the same: containers have their own."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{socket.gethostname()} {namespace}".strip()


def _boot() -> str:
    if sys.platform == "linux":
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return str(int(psutil.boot_time()))


def _birth(pid: int) -> float | None:
    """When the process began, by a clock that nobody can step where there is one; None when it is gone.

    Raises:
        PermissionError: it exists, but when it began may not be seen.
    """
    return _birth_on_linux(pid) if sys.platform == "linux" else _birth_elsewhere(pid)


def _birth_on_linux(pid: int) -> float | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return _gone_or_hidden(pid)
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else float(fields[18])  # in ticks since the machine was started


def _gone_or_hidden(pid: int) -> None:
    try:
        os.kill(pid, 0)  # only asks
    except ProcessLookupError:
        return
    raise PermissionError(f"process {pid} may not be looked at")


def _birth_elsewhere(pid: int) -> float | None:
    if sys.platform == "linux":
        raise AssertionError("Linux has a better clock")
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied as hidden:
        raise PermissionError(str(hidden)) from None
