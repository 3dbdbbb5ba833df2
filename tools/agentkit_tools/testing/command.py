"""`agentkit verify-tool MODULE:NAME`: put a tool to the test at its staging server."""

import asyncio
import importlib
import inspect
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from agentkit.cli.screen import columns, print_json, quote, say, tell
from agentkit.errors import AgentkitError, DeveloperMistake
from agentkit_tools.testing.report import Report
from agentkit_tools.testing.staging import Staging
from agentkit_tools.testing.verify import verify

HONEST, LIES, USAGE = 0, 1, 2


def verify_tool(
    target: Annotated[str, typer.Argument(metavar="MODULE:NAME", help="A Staging: its class, or one that is made.")],
    trials: Annotated[int, typer.Option("--trials", min=1, help="How often each thing is tried.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="The whole report as JSON.")] = False,
) -> int:
    """Try to falsify what a tool declares, at its staging server: it is killed, cut off, repeated and edited behind.

    Exit code 0: no lie was found. 1: one was; the counterexample is shown. 2: that is no staging.

    Example: agentkit verify-tool tests.stagings:Sending --trials 20
    """
    try:
        staging = load_staging(target)
    except DeveloperMistake as mistake:
        tell(f"error: {mistake}", "bold red")
        return USAGE
    report = asyncio.run(verify(staging, trials))
    if as_json:
        print_json(report.as_data())
    else:
        show(report)
    return LIES if report.lies else HONEST


def load_staging(target: str) -> Staging:
    """The staging of that name; a class is called without arguments. The working directory can be imported.

    Raises:
        DeveloperMistake: there is none; the message says what there is.
    """
    module_name, colon, name = target.partition(":")
    if not (colon and module_name and name):
        raise DeveloperMistake(
            f"'{target}' does not name a staging: write MODULE:NAME, such as 'tests.stagings:Sending'"
        )
    found: Any = _attribute(_module(module_name), name)
    made: Any = found() if inspect.isclass(found) and issubclass(found, Staging) else found
    if not isinstance(made, Staging):
        raise DeveloperMistake(f"{target} is a {type(made).__name__}, not a Staging (agentkit_tools.testing.Staging)")
    return made


def _module(name: str) -> Any:
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except AgentkitError:
        raise
    except Exception as error:  # Somebody's module: it may raise anything while it is imported.
        raise DeveloperMistake(f"importing '{name}' failed: {type(error).__name__}: {error}") from error


def _attribute(module: Any, name: str) -> Any:
    if not hasattr(module, name):
        there = sorted(each for each, _ in inspect.getmembers(module, inspect.isclass) if each[0] != "_")
        raise DeveloperMistake(f"the module '{module.__name__}' has no '{name}'; its classes are {there}")
    return getattr(module, name)


def show(report: Report) -> None:
    """For a person: a table of the checks, what could not be checked, and every lie with its counterexample."""
    quote(f"{report.tool}: {report.repeat}, {report.undo} ({report.seconds} s)", "bold")
    rows = [("claim", "trials", "seen", "verdict", "what")]
    rows += [(c.claim, str(c.trials), str(c.seen), c.verdict, c.what) for c in report.checks if c.trials]
    columns(rows)
    if left := [check for check in report.checks if check.not_made]:
        say()
        say("Not checked, or not wholly:", "bold")
        for check in left:
            quote(f"  {check.claim}: {check.what}: {check.not_made}")
    for lie in report.lies:
        say()
        quote(f"LIE about {lie.claim}: {lie.what}", "bold red")
        for line in lie.counterexample.in_words():
            quote(f"  {line}")
    say()
    say(_found(len(report.lies)), "bold")


def _found(lies: int) -> str:
    return "no lie found" if not lies else f"{lies} {'lie' if lies == 1 else 'lies'} found"
