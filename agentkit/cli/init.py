"""`agentkit init`: a small project that runs without a key or an account."""

import os
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from agentkit.cli.ending import OK
from agentkit.cli.reach import AsJson
from agentkit.cli.screen import facts, print_json, say
from agentkit.errors import OperatorMatter

FILES = {
    "agentkit.toml": "agentkit.toml",
    "app.py": "app.py",
    "policy.cedar": "policy.cedar",
    ".gitignore": "gitignore",
}
"""What is written, and where each text stands in the folder `starter` of this package."""

NEXT = [
    ('agentkit run app:agent "Tell Ann about the workshop."', "it will ask you"),
    ("agentkit approvals", "what it asks, and why"),
    ("agentkit approve QUESTION", "or: agentkit reject QUESTION --reason ..."),
    ("agentkit resume app:agent RUN", "goes on; the letter is kept back for 5 s"),
    ("agentkit worker app:agent", "releases it; Ctrl-C stops"),
    ("agentkit show RUN", "what happened"),
    ("agentkit undo app:agent RUN", "takes back what can be taken back"),
]


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="Where; it is made if need be.", show_default="here")
    ] = Path(),
    as_json: AsJson = False,
) -> int:
    """Write a small project that runs: an agent, two tools, a policy and settings. Nothing is overwritten.

    Example: agentkit init my-project
    """
    _refuse_to_overwrite(folder)
    _write(folder)
    if as_json:
        print_json({"folder": str(folder.resolve()), "files": list(FILES), "next": [command for command, _ in NEXT]})
        return OK
    say(f"Wrote {', '.join(FILES)} in {folder.resolve()}")
    say()
    say("Try it:", "bold")
    if folder.resolve() != Path.cwd():
        say(f"  cd {folder}")
    facts([(command, f"# {why}") for command, why in NEXT], "  ")
    say()
    say("A model thinks instead of the script with AGENTKIT_MODEL=openai:gpt-5, or `model` in agentkit.toml.")
    return OK


def _refuse_to_overwrite(folder: Path) -> None:
    there = sorted(name for name in FILES if os.path.lexists(folder / name))
    if there:
        raise OperatorMatter(f"{folder.resolve()} already has {there}; nothing was written: choose another folder")


def _write(folder: Path) -> None:
    starter = resources.files("agentkit.cli") / "starter"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, source in FILES.items():
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write((starter / source).read_text(encoding="utf-8"))
    except OSError as error:
        raise OperatorMatter(f"cannot write to {folder.resolve()}: {error.strerror}") from None
