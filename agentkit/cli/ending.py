"""How a command ends: its exit code, and one clear line instead of a traceback."""

import functools
import os
from collections.abc import Callable
from typing import Final, ParamSpec

import typer

from agentkit.cli.screen import complain
from agentkit.errors import AgentkitError
from agentkit.execution.run import Run

P = ParamSpec("P")

OK: Final = 0
FAILED: Final = 1
WAITS: Final = 3
IN_DOUBT: Final = 4
INTERRUPTED: Final = 130

CODES: Final = {
    OK: "it is done",
    FAILED: "it failed, was stopped, or cannot be done as asked; the message says what there is instead",
    2: "the command line itself is wrong",
    WAITS: "it waits for a person's answer, or for a time that has not come yet",
    IN_DOUBT: "something is in doubt or stuck: a person has to look",
    INTERRUPTED: "stopped by Ctrl-C; what was begun is written down and can be resumed",
}
"""What `agentkit --help` says about exit codes."""


def ending(command: Callable[P, int]) -> Callable[P, None]:
    """Make a command of a function that returns its exit code; what it raises becomes one line on standard error.

    With AGENTKIT_DEBUG=1 in the environment errors keep their traceback.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        if os.environ.get("AGENTKIT_DEBUG", "") not in ("", "0"):
            raise typer.Exit(command(*args, **kwargs))
        raise typer.Exit(_code_of(functools.partial(command, *args, **kwargs)))

    return run


def code_of(run: Run) -> int:
    """The exit code that says where a run stands."""
    if run.in_doubt or run.status == "stuck":
        return IN_DOUBT
    if run.status == "waiting":
        return WAITS
    return FAILED if run.status in ("failed", "stopped", "running") else OK


def _code_of(command: Callable[[], int]) -> int:
    try:
        return command()
    except AgentkitError as error:
        complain(str(error))
        return FAILED
    except KeyboardInterrupt:
        complain("stopped")
        return INTERRUPTED
    except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
        raise  # typer's own ways to end
    except Exception as error:  # Whatever it is, a person at a terminal is helped by one line more than by fifty.
        problem = f"{type(error).__name__}: {error}".removesuffix(": ")
        complain(f"unexpected {problem} (AGENTKIT_DEBUG=1 shows where)")
        return FAILED
