"""A desk that writes notes and posts letters. Its world is this folder: notes/ and outbox.jsonl."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field

from agentkit import (
    Agent,
    Bound,
    Checkable,
    Content,
    ExactInverse,
    Idempotent,
    Irreversible,
    ScriptedModel,
    ToolContext,
    ToolFailed,
    tool,
)
from agentkit.settings import Settings

HERE = Path(__file__).resolve().parent
NOTES = HERE / "notes"
OUTBOX = HERE / "outbox.jsonl"

NoteName = Annotated[str, Field(pattern=r"^[a-z0-9-]+$"), Bound]
Text = Annotated[str, Content]


@tool("note.remove", repeat=Idempotent())
async def remove(ctx: ToolContext, name: NoteName, text: Text) -> str:
    """Remove a note, if it still says what we wrote."""
    if _says(name) not in (None, text):
        raise ToolFailed(f"somebody has edited the note '{name}' since")
    _file(name).unlink(missing_ok=True)
    return name


# Writing the same note twice equals writing it once; removing it restores exactly what was there: nothing.
@tool("note.write", repeat=Idempotent(), undo=ExactInverse(lambda written: remove(**written.arguments)))
async def write(ctx: ToolContext, name: NoteName, text: Text) -> str:
    """Leave a note; never over another one."""
    if _says(name) not in (None, text):
        raise ToolFailed(f"there is another note called '{name}'")
    NOTES.mkdir(exist_ok=True)
    draft = NOTES / f"{name}.draft"
    draft.write_text(text, encoding="utf-8")
    draft.replace(_file(name))
    return name


async def find_letter(ctx: ToolContext, to: str, text: str) -> str | None:
    """Whether the letter with our key is in the outbox."""
    lines = OUTBOX.read_text(encoding="utf-8").splitlines() if OUTBOX.exists() else []
    return next((ctx.key for line in lines if json.loads(line)["key"] == ctx.key), None)


# A second letter would be one too many, but the outbox can be asked; and nothing takes a letter back.
@tool("letter.post", repeat=Checkable(probe=find_letter, may_land=timedelta(0)), undo=Irreversible())
async def post(ctx: ToolContext, to: Annotated[str, Bound], text: Text) -> str:
    """Post a letter."""
    letter = json.dumps({"key": ctx.key, "to": to, "text": text})
    with OUTBOX.open("a", encoding="utf-8") as outbox:
        outbox.write(letter + "\n")
    return ctx.key


def _file(name: str) -> Path:
    return NOTES / f"{name}.txt"


def _says(name: str) -> str | None:
    return _file(name).read_text(encoding="utf-8") if _file(name).exists() else None


# Says one line a turn, whatever the goal: first two calls, then the answer.
script = ScriptedModel(
    [
        [
            write(name="workshop", text="The workshop is on Friday at ten.\n"),
            post(to="Ann", text="Dear Ann,\nthe workshop is on Friday at ten.\n"),
        ],
        "There is a note, and the letter to Ann is on its way.",
    ]
)

settings = Settings()
agent = Agent(
    settings.model or script,
    tools=[write, remove, post],
    policy=HERE / "policy.cedar",
    name="desk",
    instructions="You keep notes and post letters. Write a note before you post a letter about the same thing.",
    settings=settings,
)
