"""The walls an action runs inside: the port that a sandbox implements."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol


@dataclass(frozen=True)
class Finished:
    """How a program ended."""

    exit_code: int
    stdout: bytes
    stderr: bytes


class Sandbox(Protocol):
    """Run a program, read and write files, or refuse with `SandboxUnavailable`."""

    async def run(self, command: Sequence[str], *, stdin: bytes = b"", seconds: float = 60) -> Finished:
        """Run a program inside the walls."""
        ...

    async def read_file(self, path: PurePosixPath) -> bytes:
        """Read a file of the workspace."""
        ...

    async def write_file(self, path: PurePosixPath, content: bytes) -> None:
        """Write a file of the workspace."""
        ...

    async def close(self) -> None:
        """Take the walls down."""
        ...
