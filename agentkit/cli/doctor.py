"""`agentkit doctor`: what works on this machine, what does not, and what to do about it."""

import asyncio
from typing import Annotated, Final

import typer

from agentkit.agent import Agent
from agentkit.cli import checks
from agentkit.cli.checks import Check
from agentkit.cli.ending import FAILED, OK
from agentkit.cli.loading import load_agent
from agentkit.cli.reach import AsJson, JournalUrl, settings_with
from agentkit.cli.screen import print_json, say, tell
from agentkit.errors import AgentkitError
from agentkit.settings import Settings

STYLES: Final = {"ok": "green", "note": "yellow", "broken": "bold red"}


def doctor(
    program: Annotated[
        str | None,
        typer.Argument(metavar="[MODULE:NAME]", help="Also look at this agent: its policy, model and tools."),
    ] = None,
    journal: JournalUrl = None,
    as_json: AsJson = False,
) -> int:
    """Check Python, packages, journal, key, policy, browser and clock. Each problem comes with its remedy.

    Example: agentkit doctor app:agent
    """
    found = _examined(program, journal)
    broken = [check for check in found if check.state == "broken"]
    if as_json:
        print_json({"ok": not broken, "checks": [vars(check) for check in found]})
        return FAILED if broken else OK
    for check in found:
        _show(check)
    tell("Something that is needed is broken." if broken else "All that is needed works.")
    return FAILED if broken else OK


def _examined(program: str | None, journal: str | None) -> list[Check]:
    machine = [checks.python(), checks.packages(), checks.extras()]
    try:
        settings = settings_with(journal)
    except AgentkitError as error:
        return [*machine, Check("settings", "broken", str(error), "correct it where the message says")]
    agent, loaded = _agent(program)
    if agent is not None and journal is None:
        settings = agent.settings
    return [*machine, *loaded, *_project(settings, agent), checks.sandbox(), checks.browser()]


def _agent(program: str | None) -> tuple[Agent | None, list[Check]]:
    if program is None:
        return None, []
    try:
        agent = load_agent(program)
    except AgentkitError as error:
        return None, [Check("agent", "broken", str(error), "correct it where the message says")]
    return agent, [checks.agent(agent)]


def _project(settings: Settings, agent: Agent | None) -> list[Check]:
    return [
        checks.settings(settings),
        *asyncio.run(checks.journal(settings)),
        checks.key(settings),
        checks.policy(settings, agent),
        checks.model(settings, agent),
    ]


def _show(check: Check) -> None:
    say(f"{check.state:<7} {check.name:<10} {check.found}", STYLES[check.state] if check.state != "ok" else "")
    if check.remedy:
        say(f"{'':<7} {'':<10} -> {check.remedy}")
