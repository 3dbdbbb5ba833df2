"""Commands as the tests type them, what they print, and the head of every program that they run."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import Result

ROOT = Path(__file__).parents[2]

Invoke = Callable[..., Result]
Program = Callable[[str], None]
Shell = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]
Marks = Callable[[], list[str]]

HEAD = """
import asyncio, os, signal, time
from datetime import timedelta
from pathlib import Path
from agentkit import *

WORLD = Path(__file__).parent / "world.txt"

def seen():
    return WORLD.read_text().split() if WORLD.exists() else []

def leave(mark):
    with WORLD.open("a") as world:
        world.write(mark + "\\n")

ASK = PolicyText("ask", 'permit (principal, action, resource) when { context.approvals >= 1 };')
ASK_TWO = PolicyText("two", 'permit (principal, action, resource) when { context.approvals >= 2 };')
RUN = PolicyText("run", 'permit (principal, action, resource);')
HOLD = PolicyText("hold", '@hold("1s") permit (principal, action, resource);')

async def find(ctx, mark):
    return mark if ctx.key in seen() else None

@tool("world.mark", repeat=Checkable(probe=find, may_land=timedelta(0)), undo=Irreversible())
async def mark(ctx: ToolContext, mark: str) -> str:
    '''Leave a mark in the world.'''
    leave(ctx.key)
    return mark
"""
"""Every program can leave marks in its world; a mark is the action's key, so that doubles show."""


def report(result: Result) -> Any:
    """What a command printed with --json."""
    return json.loads(result.stdout)


def only(text: str, pattern: str) -> str:
    """The one thing in the text that looks like this."""
    [found] = set(re.findall(pattern, text))
    return found


def run_in(text: str) -> str:
    return only(text, r"r-[0-9a-z]{12}")


def question_in(text: str) -> str:
    return only(text, r"q-[0-9a-z]{12}")


def action_in(text: str) -> str:
    return only(text, r"a-[0-9a-f]{16}")


def environment(more: dict[str, str]) -> dict[str, str]:
    paths = os.pathsep.join(str(ROOT / name) for name in ("", "tools", "sandbox"))
    return {**os.environ, "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1", "COLUMNS": "200", **more}
