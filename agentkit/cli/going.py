"""`agentkit run` and `agentkit resume`: take a run as far as it can go now."""

import asyncio
import contextlib
from typing import Annotated

import typer

from agentkit.agent import Agent
from agentkit.cli.ending import INTERRUPTED, code_of
from agentkit.cli.loading import load_agent
from agentkit.cli.reach import AsJson, Program, journal_option
from agentkit.cli.report import run_data, show_outcome
from agentkit.cli.screen import print_json, tell
from agentkit.cli.words import arguments, line
from agentkit.errors import JournalUnavailable
from agentkit.execution.events import Event, Replied, RunStarted, Started, Went
from agentkit.execution.run import Run, read_run


def run(
    program: Program,
    goal: Annotated[str, typer.Argument(metavar="GOAL", help="What to do, in your own words.")],
    as_json: AsJson = False,
) -> int:
    """Pursue a goal, to its end or until something waits for you.

    Example: agentkit run app:agent "Tell Ann about the workshop."
    """
    return _go(load_agent(program), program, as_json, goal=goal)


def resume(
    program: Program,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's id, as `agentkit runs` shows it.")],
    as_json: AsJson = False,
) -> int:
    """Take a run up where it stands: after an answer, a crash or a larger budget. Nothing is done twice.

    Example: agentkit resume app:agent r-4k9w2m7x1cpa
    """
    return _go(load_agent(program), program, as_json, resumed=run)


def _go(agent: Agent, program: str, as_json: bool, *, goal: str = "", resumed: str | None = None) -> int:
    progress = Progress(resumed)
    try:
        ended = asyncio.run(_pursue(agent, goal, resumed, progress))
    except KeyboardInterrupt:
        tell("")
        tell(f"Stopped. What was begun is written down{progress.how_to_go_on(program)}")
        return INTERRUPTED
    if as_json:
        print_json(run_data(ended))
    else:
        show_outcome(ended, program, journal_option(agent))
    if ended.questions and agent.settings.journal == "memory:":
        tell("This journal is in memory and ends here: nobody can answer. Name one in agentkit.toml.", "yellow")
    return code_of(ended)


async def _pursue(agent: Agent, goal: str, resumed: str | None, progress: "Progress") -> Run:
    async with agent:
        stopped = resumed is not None and (await agent.journal.run(resumed)).status == "stopped"
        budget = agent.budget if stopped else None  # a limit may have been raised in the program since
        async with contextlib.aclosing(agent.stream(goal, resume=resumed, budget=budget)) as events:
            async for event in events:
                progress.hear(event)
        if progress.run is None:
            raise JournalUnavailable("the run ended before it began")
        return await read_run(agent.journal, progress.run, agent.toolbox)


class Progress:
    """Tells on standard error what goes on, and remembers which run it is."""

    def __init__(self, run: str | None = None) -> None:
        self.run = run

    def hear(self, event: Event) -> None:
        """One line for what a person wants to follow."""
        match event:
            case RunStarted(run, goal):
                self.run = run
                _tell("run", f"{run}: {line(goal)}")
            case Replied(text=text, tools=tools) if text and tools:
                _tell("model", line(text))
            case Started(tool=tool, arguments=given, attempt=attempt):
                again = f"(attempt {attempt})" if attempt > 1 else ""
                _tell("doing", " ".join(part for part in (tool, arguments(given), again) if part))
            case Went(tool=tool, arguments=given, outcome=outcome):
                what = tool if outcome.status == "done" else f"{tool} {arguments(given)}"
                reason = f": {line(outcome.reason, 300)}" if outcome.reason else ""
                _tell(outcome.status.replace("_", " "), what + reason)
            case _:
                pass

    def how_to_go_on(self, program: str) -> str:
        """The command, if there is a run to go on with."""
        return f"; go on with:\n  agentkit resume {program} {self.run}" if self.run else ": nothing."


def _tell(what: str, text: str) -> None:
    tell(f"{what:<9} {text}", "dim" if what in ("run", "model", "doing") else "")
