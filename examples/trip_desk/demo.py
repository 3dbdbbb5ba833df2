"""The trip desk from end to end: asked, approved, killed in the middle, resumed, checked on the servers, undone.

Every step is a process of its own, as in earnest. Run it with `make demo` or `agentkit demo [--json]`.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentkit.execution.run import Run, read_run
from agentkit.journal.journal import Journal
from examples.trip_desk.desk import HOLD, journal_file
from examples.trip_desk.evidence import effects
from examples.trip_desk.script import GOAL
from examples.trip_desk.tally import Tally, tally
from examples.trip_desk.world import World

DESK = "examples.trip_desk.desk:desk"
APPROVER = "demo approver"
WAITS = 3
"""The exit code of a command that leaves something waiting for a person."""


class DemoFailed(Exception):
    """The story went another way than it should."""


def main() -> int:
    """Play the whole story and say, last, what the servers show."""
    options = _options()
    signal.signal(signal.SIGTERM, _stop)
    folder = Path(tempfile.mkdtemp(prefix="agentkit-demo-"))
    try:
        say("Starting a mail server, a booking server and a calendar server on this machine ...")
        with World.create(folder / "world") as world:
            report = Demo(world, asks=sys.stdin.isatty() and not options.yes).play()
    except DemoFailed as failure:
        say(f"\nThe demo did not go as it should: {failure}. Nothing is left behind.")
        return 1
    except KeyboardInterrupt:
        say("\nStopped. The servers are down and nothing is left behind.")
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        print(json.dumps(report, indent=2))
    return 0 if (report["duplicates"], report["lost"]) == (0, 0) else 1


@dataclass
class Demo:
    """One performance in one world."""

    world: World
    asks: bool
    """Whether somebody sits at the terminal; else the demo answers for itself, and says so."""

    def play(self) -> dict[str, Any]:
        """The story, step by step."""
        began = time.monotonic()
        self._letter()
        run, approved = self._approval()
        killed = self._confirmed_and_answered(run) if approved else self._answered(run)
        before = self._checked("Now we ask the servers, not the agent, what has happened.", run)
        undo = self._undone(run)
        after = self._checked("And once more, after the undo.", run)
        return {
            "run": run,
            "approved_by": self._approver,
            "killed": killed,
            "effects": before.found,
            "duplicates": len(before.duplicates) + len(after.duplicates),
            "lost": len(before.lost),
            "undo": {"status": undo.status, **(undo.answer or {})},
            "effects_after_undo": after.found,
            "seconds": round(time.monotonic() - began, 1),
        }

    @property
    def _approver(self) -> str:
        return os.environ.get("USER", "you") if self.asks else APPROVER

    def _letter(self) -> None:
        wish = self.world.wish
        say(f"\n{self.world.traveller.name} has written to {self.world.desk.address}: {wish.product_title},")
        say(f"{wish.day}, for {wish.people}. Names, dates and prices are drawn anew for every run.")

    def _approval(self) -> tuple[str, bool]:
        step("The agent reads the mail, finds the trip and holds the places. Confirming costs money, so it asks.")
        self._agentkit("run", DESK, GOAL, expected=WAITS)
        [run] = self._read_all()
        [question] = run.waiting
        if self._yes(f"\nApprove {question.tool} ({question.undo})?"):
            self._agentkit("approve", question.id, "--by", self._approver)
            return run.id, True
        self._agentkit("reject", question.id, "--by", self._approver, "--reason", "not this time")
        return run.id, False

    def _confirmed_and_answered(self, run: str) -> dict[str, Any]:
        step("It goes on, and is killed: after the server has confirmed, before anything is written down.")
        killed = self._killed(run, "booking.confirm", "resume", DESK, run)
        step("Another process resumes the run. The same request goes out under the same key, and nothing is doubled.")
        self._agentkit("resume", DESK, run)
        self._wait_for_the_hold()
        self._agentkit("worker", DESK, "--once")
        return killed

    def _answered(self, run: str) -> dict[str, Any]:
        step("It hears the no, leaves the hold to end by itself, and answers the traveller.")
        self._agentkit("resume", DESK, run)
        self._wait_for_the_hold()
        step(
            "A worker sends the answer, and is killed: the server has taken the mail, and nobody has written that down."
        )
        killed = self._killed(run, "email.send", "worker", DESK, "--once")
        step("Another worker looks for the copy of the mail that the desk sends itself, and finds it.")
        self._agentkit("worker", DESK, "--once")
        return killed

    def _killed(self, run: str, tool: str, *words: str) -> dict[str, Any]:
        self._agentkit(*words, expected=-signal.SIGKILL, TRIP_DESK_DIES_IN=tool)
        [there] = [s for s in self._read(run).steps if s.tool == tool]
        if there.state != "started":
            raise DemoFailed(f"the kill came at the wrong place: {tool} is {there.state}")
        say(f"Killed by SIGKILL. The journal has {tool} as '{there.state}': it cannot know what became of it.")
        return {"tool": tool, "where": "after the effect, before its record", "signal": "SIGKILL"}

    def _wait_for_the_hold(self) -> None:
        step(f"The answer to the traveller is held for {HOLD.seconds} s, in which it could be taken back. We wait.")
        time.sleep(HOLD.total_seconds() + 0.5)

    def _checked(self, title: str, run: str) -> Tally:
        step(title)
        seen = tally(effects(self.world), self._read(run))
        for line in seen.lines:
            say(f"  {line}")
        say(f"  duplicates: {len(seen.duplicates)}, lost: {len(seen.lost)}")
        return seen

    def _undone(self, run: str) -> Run:
        step("Last, all of it is taken back, as far as the world allows.")
        if self.asks:
            self._agentkit("undo", DESK, run, "--by", self._approver, expected=None)  # it asks, and may be told no
        else:
            self._agentkit("undo", DESK, run, "--by", self._approver, "--yes")
        undos = [each for each in self._read_all() if each.kind == "undo"]
        return undos[-1]

    # Processes -------------------------------------------------------------------------------------------------

    def _agentkit(self, *words: str, expected: int | None = 0, **environment: str) -> None:
        """One command in a process of its own, shown as a person would type it. `expected` None: however it ends."""
        journal = f"sqlite:///{journal_file(self.world.folder)}"
        settings = {"TRIP_DESK": str(self.world.folder), "AGENTKIT_JOURNAL": journal, **environment}
        say("\n$ agentkit " + " ".join(f'"{w}"' if " " in w else w for w in words))
        command = [sys.executable, "-m", "agentkit.cli", *words]
        # What the commands print is part of the story; standard output is kept for the report.
        ended = subprocess.run(command, env={**os.environ, **settings}, stdout=sys.stderr, check=False)
        if expected not in (None, ended.returncode):
            raise DemoFailed(f"`agentkit {words[0]}` ended with {ended.returncode} instead of {expected}")

    def _yes(self, question: str) -> bool:
        if self.asks:
            sys.stderr.write(f"{question} [y/n] ")
            sys.stderr.flush()
            return sys.stdin.readline().strip().lower() in ("y", "yes")
        say(f"{question} There is no terminal: '{APPROVER}' answers yes for itself.")
        return True

    def _read(self, run: str) -> Run:
        [found] = [each for each in self._read_all() if each.id == run]
        return found

    def _read_all(self) -> Sequence[Run]:
        return asyncio.run(_runs_in(f"sqlite:///{journal_file(self.world.folder)}"))


async def _runs_in(journal_url: str) -> list[Run]:
    journal = Journal.open(journal_url, create=False)
    try:
        return [await read_run(journal, record.id) for record in await journal.runs()]
    finally:
        await journal.close()


def _stop(*_: object) -> None:
    """As with Ctrl-C: everything is taken down on the way out."""
    raise KeyboardInterrupt


def step(title: str) -> None:
    """A heading."""
    say(f"\n== {title}")


def say(text: str) -> None:
    """To the person watching; standard output is for the report."""
    print(text, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="agentkit demo", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print a report as one JSON object at the end")
    parser.add_argument("--yes", action="store_true", help="do not ask; answer as 'demo approver'")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
