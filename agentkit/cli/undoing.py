"""`agentkit undo`: shows what can be taken back and what cannot, asks, and does it."""

import asyncio
import sys
from typing import Annotated, Any

import typer

from agentkit.agent import Agent
from agentkit.cli.ending import FAILED, INTERRUPTED, OK, WAITS, code_of
from agentkit.cli.loading import load_agent
from agentkit.cli.reach import AsJson, By, Program, journal_option, person
from agentkit.cli.report import run_data, show_outcome
from agentkit.cli.screen import print_json, quote, say, tell
from agentkit.cli.words import arguments, line
from agentkit.execution.undo_plan import UndoPlan, UndoStep


def undo(
    program: Program,
    target: Annotated[str, typer.Argument(metavar="RUN|ACTION", help="A run, or one action and what built on it.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree to the plan without being asked.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")] = False,
    by: By = None,
    as_json: AsJson = False,
) -> int:
    """Take back a run or an action, as far as the world allows. The plan is shown first.

    Example: agentkit undo app:agent r-4k9w2m7x1cpa
    """
    agent, attempt = load_agent(program), Attempt(program, target, person(by), yes, dry_run, as_json)
    try:
        return asyncio.run(attempt.make(agent))
    except KeyboardInterrupt:
        tell("")
        tell(f"Stopped. {attempt.how_to_go_on()}")
        return INTERRUPTED


class Attempt:
    """One undo as it was typed."""

    def __init__(self, program: str, target: str, by: str, yes: bool, dry_run: bool, as_json: bool) -> None:
        self._program, self._target, self._by = program, target, by
        self._yes, self._dry_run, self._as_json = yes, dry_run, as_json
        self._begun: str | None = None

    async def make(self, agent: Agent) -> int:
        """Plan, show, ask, carry out; returns the exit code."""
        async with agent:
            plan = await agent.undo_plan(self._target)
            if not self._as_json:
                show_plan(plan)
            if not plan.steps or self._dry_run:
                self._print(plan, None)
                return OK
            if (agreed := self._agreed()) is not None:
                self._print(plan, None)
                return agreed
            self._begun = plan.id
            done = await plan.carry_out(by=self._by)
        self._print(plan, run_data(done))
        if not self._as_json:
            say()
            show_outcome(done, self._program, journal_option(agent))
        return code_of(done)

    def how_to_go_on(self) -> str:
        """After Ctrl-C."""
        if self._begun is None:
            return "Nothing was taken back."
        return f"What was begun is written down; go on with:\n  agentkit resume {self._program} {self._begun}"

    def _agreed(self) -> int | None:
        """None when the person agrees; else how the command ends."""
        if self._yes:
            return None
        if not sys.stdin.isatty():
            tell("Nothing was taken back: there is no terminal to ask you on. If you agree, type it with --yes.")
            return WAITS
        if typer.confirm(f"Do this as {line(self._by)} (asserted, not proven)?", err=True):
            return None
        tell("Nothing was taken back.")
        return FAILED

    def _print(self, plan: UndoPlan, done: dict[str, Any] | None) -> None:
        if self._as_json:
            print_json({"plan": plan_data(plan), "undo": done})


def show_plan(plan: UndoPlan) -> None:
    """The lists that a person agrees to."""
    if not plan.steps:
        say(f"There is nothing to take back in {plan.run}.")
    _list("restores exactly", plan.restores, "green")
    _list("compensates", plan.compensates, "yellow")
    _list("cannot be undone", plan.cannot, "red")
    _list("nobody knows whether it happened", plan.unsettled, "red")


def plan_data(plan: UndoPlan) -> dict[str, Any]:
    """A plan as JSON."""
    lists = {
        "restores": plan.restores,
        "compensates": plan.compensates,
        "cannot": plan.cannot,
        "unsettled": plan.unsettled,
    }
    steps = {name: [step.as_data() for step in each] for name, each in lists.items()}
    return {"undo": plan.id, "run": plan.run, "digest": plan.digest, **steps}


def _list(title: str, steps: list[UndoStep], style: str) -> None:
    if steps:
        say(f"{title}:", style)
    for step in steps:
        quote(f"  {line(step.in_words(), None)}")
        quote(f"      {arguments(step.arguments)}", "dim")
        if step.cost and step.cost.get("until"):
            quote(f"      the price holds until {line(step.cost['until'])}")
        if step.how == "unsettled":
            say(f"      agentkit settle {step.action} --happened    # or --did-not-happen")
