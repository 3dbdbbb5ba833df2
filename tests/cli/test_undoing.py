"""`agentkit undo`: the plan first, then the question, then the deed."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import Invoke, Program, action_in, environment, report, run_in

SHOP = """
    from decimal import Decimal

    BOOKS = Path(__file__).parent / "books.txt"

    @tool("books.price", repeat=ReadOnly())
    async def price(ctx: ToolContext, title: str) -> Quote:
        return Quote(cost=Decimal("2.50"), currency="EUR")

    @tool("books.give_back", repeat=Idempotent())
    async def give_back(ctx: ToolContext, title: str) -> str:
        BOOKS.unlink(missing_ok=True)
        return title

    back = Compensable(compensate=lambda e: give_back(**e.arguments), quote=lambda e: price(**e.arguments))

    @tool("books.buy", repeat=Idempotent(), undo=back)
    async def buy(ctx: ToolContext, title: str) -> str:
        BOOKS.write_text(title)
        return title

    @tool("books.unread", repeat=Idempotent())
    async def unread(ctx: ToolContext, title: str) -> str:
        return title

    @tool("books.read", repeat=Idempotent(), undo=ExactInverse(lambda e: unread(**e.arguments)))
    async def read(ctx: ToolContext, title: str) -> str:
        return title

    agent = Agent(
        ScriptedModel([[buy(title="Emma"), read(title="Emma"), mark(mark="x")], "It is done."]),
        tools=[price, give_back, buy, unread, read, mark], policy=RUN,
    )
"""


@pytest.fixture
def run(invoke: Invoke, program: Program) -> str:
    """A run that bought, read and left a mark."""
    program(SHOP)
    return run_in(invoke("run", "app:agent", "Buy and read Emma.").stdout)


def test_the_plan_shows_what_is_restored_what_is_compensated_at_which_cost_and_what_stays(
    invoke: Invoke, run: str, folder: Path
):
    plan = invoke("undo", "app:agent", run, "--dry-run")

    assert plan.exit_code == 0
    lines = plan.stdout.splitlines()
    restores, compensates, cannot = (
        lines.index(f"{title}:") for title in ("restores exactly", "compensates", "cannot be undone")
    )
    assert restores < compensates < cannot
    assert lines[restores + 1].startswith("  books.read (a-")
    assert lines[compensates + 1].endswith("at 2.50 EUR")
    assert lines[cannot + 1].startswith("  world.mark (a-")
    assert (folder / "books.txt").exists()


def test_without_a_terminal_nothing_happens_unless_it_is_agreed_to(invoke: Invoke, run: str, folder: Path):
    unasked = invoke("undo", "app:agent", run)

    assert unasked.exit_code == 3
    assert "type it with --yes" in unasked.stderr
    assert (folder / "books.txt").exists()


def test_it_ends_with_what_was_left(invoke: Invoke, run: str, folder: Path):
    done = invoke("undo", "app:agent", run, "--yes", "--by", "ann", "--json")

    said = report(done)
    assert (done.exit_code, said["undo"]["status"]) == (0, "rolled_back_with_residue")
    assert [step["tool"] for step in said["plan"]["cannot"]] == ["world.mark"]
    assert {line["tool"] for line in said["undo"]["answer"]["residue"]} == {"world.mark", "books.buy"}
    assert not (folder / "books.txt").exists()
    assert [undo["status"] for undo in report(invoke("show", run, "--json"))["undos"]] == ["rolled_back_with_residue"]


def test_one_action_can_be_taken_back_alone(invoke: Invoke, run: str, folder: Path):
    action = report(invoke("show", run, "--json"))["steps"][0]["action"]

    done = invoke("undo", "app:agent", action, "--yes")

    assert done.exit_code == 0
    assert "books.read" not in done.stdout
    assert not (folder / "books.txt").exists()


def test_where_nothing_stands_there_is_nothing_to_take_back(invoke: Invoke, program: Program):
    program("agent = Agent(ScriptedModel(['Hello.']), tools=[mark], policy=RUN)")
    run = run_in(invoke("run", "app:agent", "Say hello.").stdout)

    nothing = invoke("undo", "app:agent", run, "--yes")

    assert (nothing.exit_code, nothing.stdout) == (0, f"There is nothing to take back in {run}.\n")
    assert report(invoke("show", run, "--json"))["status"] == "finished"


def test_what_nobody_knows_is_stuck_until_it_is_settled(invoke: Invoke, program: Program):
    program("""
        @tool("post.drop", undo=ExactInverse(lambda e: mark(mark="back")))
        async def drop(ctx: ToolContext) -> str:
            raise ConnectionError("the line went dead")

        agent = Agent(ScriptedModel([drop(), "Perhaps."]), tools=[drop, mark], policy=RUN)
    """)
    began = invoke("run", "app:agent", "Drop it.")
    run, action = run_in(began.stdout), action_in(began.stdout)

    stuck = invoke("undo", "app:agent", run, "--yes")
    invoke("settle", action, "--did-not-happen")

    assert stuck.exit_code == 4
    assert "nobody knows whether it happened:" in stuck.stdout
    assert f"agentkit settle {action} --happened" in stuck.stdout
    assert "There is nothing to take back" in invoke("undo", "app:agent", run, "--yes").stdout


@pytest.mark.parametrize(("answer", "code", "stays"), [("y", 0, False), ("n", 1, True), ("", 1, True)])
def test_at_a_terminal_the_person_is_asked_and_only_yes_is_a_yes(
    run: str, folder: Path, answer: str, code: int, stays: bool
):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "agentkit.cli", "undo", "app:agent", run, "--by", "ann"],
        cwd=folder, env=environment({}), stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    out, err = process.communicate(timeout=30)
    os.close(ours)

    assert process.returncode == code, err
    assert "Do this as ann (asserted, not proven)?" in out + err
    assert (folder / "books.txt").exists() == stays
