"""`agentkit worker`: a process that brings runs forward, until it is told to stop."""

import asyncio
import logging
import signal
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from agentkit.agent import Agent
from agentkit.approval.shown import visible
from agentkit.cli.ending import FAILED, INTERRUPTED, OK
from agentkit.cli.loading import load_agent
from agentkit.cli.reach import Program
from agentkit.cli.screen import print_json, tell
from agentkit.cli.worker import Done, Worker

log = logging.getLogger("agentkit")


def worker(
    program: Program,
    once: Annotated[bool, typer.Option("--once", help="Do what is due now, and end.")] = False,
    poll: Annotated[float, typer.Option("--poll", min=0.05, metavar="SECONDS", help="How often to look.")] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line for all that is done.")] = False,
) -> int:
    """Resume what was answered, release what was held, recover what somebody died in.

    The first Ctrl-C or SIGTERM lets it finish what is under way; the second cancels that. Run as many as you like.

    Example: agentkit worker app:agent
    """
    agent = load_agent(program)
    _log_to_stderr()
    return asyncio.run(_work(agent, timedelta(seconds=poll), once, as_json))


async def _work(agent: Agent, poll: timedelta, once: bool, as_json: bool) -> int:
    async with agent:
        made = Worker(agent, poll=poll, listen=_print if as_json else _nobody)
        signals = _Signals(made)
        if once:
            done = await made.once()
            tell("Nothing was due." if not done else f"{len(done)} taken up.")
            return INTERRUPTED if signals.count > 1 else FAILED if any(each.error for each in done) else OK
        tell(f"Working for {agent.principal} on {agent.settings.journal}; Ctrl-C finishes what is under way.")
        await made.serve()
        tell("Stopped.")
        return INTERRUPTED if signals.count > 1 else OK


class _Signals:
    """Turns SIGTERM and Ctrl-C into a worker's end."""

    def __init__(self, worker: Worker) -> None:
        self.count = 0
        self._worker = worker
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._heard)

    def _heard(self) -> None:
        self.count += 1
        self._worker.stop()
        if self.count == 1 and self._worker.under_way:
            tell(f"Finishing what is under way ({self._worker.under_way}); once more cancels it.")


def _log_to_stderr() -> None:
    """Unless the program has arranged for its logs already."""
    if not logging.getLogger().handlers and all(isinstance(each, logging.NullHandler) for each in log.handlers):
        handler = logging.StreamHandler()
        handler.setFormatter(_Harmless("%(asctime)s %(levelname)-7s %(message)s"))
        log.addHandler(handler)
    if log.level == logging.NOTSET:
        log.setLevel(logging.INFO)


class _Harmless(logging.Formatter):
    """Errors quote servers and models: nothing of that may reach the terminal as a command."""

    def format(self, record: logging.LogRecord) -> str:
        """As usual, with everything invisible spelled out."""
        return visible(super().format(record))


def _print(done: Done) -> None:
    print_json(asdict(done), indent=None)


def _nobody(done: Done) -> None:
    """The log tells it."""
