"""`agentkit demo`: the trip desk, in a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

import agentkit
from agentkit.errors import OperatorMatter


def demo(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; the demo answers for itself.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a report as one JSON object at the end.")] = False,
) -> int:
    """See an agent act on real servers on this machine: asked, killed, resumed, checked, undone.

    Needs a checkout of the repository.

    Example: agentkit demo --yes
    """
    flags = [name for name, given in (("--yes", yes), ("--json", as_json)) if given]
    return _run(_checkout(), flags)


def _checkout() -> Path:
    """The folder of the repository that this package is used from."""
    root = Path(agentkit.__file__).resolve().parent.parent
    if not (root / "examples" / "trip_desk" / "demo.py").is_file():
        raise OperatorMatter(
            f"the demo is not installed with the package in {root}: it needs the repository and its test servers; "
            "`git clone` it and type `make demo` there"
        )
    return root


TERMINATED = 128 + signal.SIGTERM


def _run(root: Path, flags: list[str]) -> int:
    folders = [root, root / "tools", root / "sandbox", os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(folder) for folder in folders if str(folder))}
    command = [sys.executable, "-m", "examples.trip_desk.demo", *flags]
    terminated = _Terminated()
    before = signal.signal(signal.SIGTERM, terminated)
    try:
        with subprocess.Popen(command, cwd=root, env=environment) as process:
            terminated.reach(process)
            code = _wait(process)
    finally:
        signal.signal(signal.SIGTERM, before)
    if terminated.heard:
        return TERMINATED
    return code if code >= 0 else 128 - code


class _Terminated:
    """Hears SIGTERM and passes it on, also when it came before there was a process to pass it on to."""

    def __init__(self) -> None:
        self.heard = False
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self, number: int, frame: object) -> None:
        self.heard = True
        if self._process:
            self._process.terminate()

    def reach(self, process: "subprocess.Popen[bytes]") -> None:
        """From now on this is the process."""
        self._process = process
        if self.heard:
            process.terminate()


def _wait(process: "subprocess.Popen[bytes]") -> int:
    """The demo cleans up after Ctrl-C: let it."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            if not sys.stdin.isatty():
                process.send_signal(signal.SIGINT)  # a terminal has sent it to both of us
