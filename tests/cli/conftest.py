"""Commands in this process and in others, a working directory, and a program in it."""

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from agentkit.cli import app
from tests.cli.commands import HEAD, Invoke, Marks, Program, Shell, Start, environment


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return tmp_path


@pytest.fixture
def invoke(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """A command in this process. Programs are imported anew each time."""
    runner = CliRunner(env={"COLUMNS": "200"})

    def run(*words: str, **options: Any) -> Result:
        before, path = set(sys.modules), list(sys.path)
        try:
            return runner.invoke(app, list(words), **options)
        finally:
            sys.path[:] = path
            for name in set(sys.modules) - before:
                if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(folder):
                    del sys.modules[name]

    return run


@pytest.fixture
def start(folder: Path) -> Start:
    """A command in a process of its own, that goes on while the test does."""

    def begin(*words: str, **more: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "agentkit.cli", *words],
            cwd=folder,
            env=environment(more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin


@pytest.fixture
def shell(start: Start) -> Shell:
    """A command in a process of its own, to its end."""

    def run(*words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        process = start(*words, **more)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    return run


@pytest.fixture
def program(folder: Path) -> Program:
    """Writes `app.py` into the working directory."""

    def write(text: str) -> None:
        (folder / "app.py").write_text(HEAD + textwrap.dedent(text))

    return write


@pytest.fixture
def marks(folder: Path) -> Marks:
    """The marks that were left in the world of the program."""
    world = folder / "world.txt"
    return lambda: world.read_text().split() if world.exists() else []
