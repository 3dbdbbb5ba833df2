"""The commands of `agentkit`, and what its help says."""

import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from agentkit.cli import answering, config, demo, doctor, going, init, looking, plugged, serving, undoing
from agentkit.cli.ending import CODES, ending
from agentkit.cli.screen import forgiving_streams, say

BEGIN, ANSWER, LOOK, ABOUT = "Begin and go on", "Answer", "Look and take back", "About this machine"
TOOLS = "Tools and accounts"
EXIT_CODES = "\n\n".join(["Exit codes:", *(f"{code:>3}  {meaning}" for code, meaning in CODES.items())])

app = typer.Typer(
    name="agentkit",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES,
)
config_app = typer.Typer(no_args_is_help=True)


def main() -> None:
    """The entry point."""
    forgiving_streams()
    app(prog_name="agentkit")


def _add(name: str, command: Callable[..., int], panel: str) -> None:
    app.command(name, rich_help_panel=panel)(ending(command))


_add("init", init.init, BEGIN)
_add("run", going.run, BEGIN)
_add("resume", going.resume, BEGIN)
_add("worker", serving.worker, BEGIN)
_add("approvals", answering.approvals, ANSWER)
_add("approve", answering.approve, ANSWER)
_add("reject", answering.reject, ANSWER)
_add("settle", answering.settle, ANSWER)
_add("runs", looking.runs, LOOK)
_add("show", looking.show, LOOK)
_add("undo", undoing.undo, LOOK)
for _name, _command in plugged.commands():
    _add(_name, _command, TOOLS)
_add("doctor", doctor.doctor, ABOUT)
_add("demo", demo.demo, ABOUT)
config_app.command("show")(ending(config.show))
app.add_typer(config_app, name="config", help="Settings, and where they come from.", rich_help_panel=ABOUT)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"agentkit {_version()} (Python {platform.python_version()})")
        raise typer.Exit


@app.callback()
def agentkit(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Agents that act on the world: every action typed, decided, approved, written down and, where possible, undone.

    New here? `agentkit init my-project` makes a project that runs without any key; `agentkit demo` shows one at work.
    """


def _version() -> str:
    try:
        return version("agentkit-framework")
    except PackageNotFoundError:
        return "from a checkout"
