"""Every staging through `agentkit verify-tool`: `python -m benchmarks.verify --json`.

Our own tools at their servers and the honest ones of `tests/liars` must raise no alarm; every liar must be caught. Each
is verified by a process of its own. Exit code 1 when a liar was missed or an honest tool accused.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from agentkit_tools.testing import Staging
from benchmarks.faults.catalogue import verified
from tests.liars.catalogue import HONEST, LIARS

TOO_LONG = 1200.0
"""Seconds after which a verification is given up."""


@dataclass(frozen=True)
class Subject:
    """One staging, and what should be found."""

    name: str
    target: str
    lies_about: str | None
    """The claim that a liar breaks; None: nothing."""


@dataclass(frozen=True)
class Found:
    """What the kit found."""

    name: str
    lies_about: str | None
    claims: list[str]
    """Those that it falsified."""
    trials: int
    """In which the fault, if there was one, was seen to happen."""
    unchecked: list[str]
    seconds: float
    problem: str = ""

    @property
    def right(self) -> bool:
        """Liars are caught at their lie; honest tools are tried, and not accused."""
        if self.problem or self.lies_about is not None:
            return not self.problem and self.lies_about in self.claims
        return not self.claims and self.trials > 0


def main() -> int:
    """Verify what was chosen, as many at a time as was said."""
    options = _options()
    subjects = [each for each in _subjects(options.what) if not options.only or options.only in each.name]
    with ThreadPoolExecutor(options.at_once) as pool:
        found = list(pool.map(lambda subject: _verified(subject, options.trials), subjects))
    wrong = [each for each in found if not each.right]
    if options.json:
        report = {"right": len(found) - len(wrong), "wrong": [each.name for each in wrong],
                  "found": [asdict(each) for each in found]}  # fmt: skip
        print(json.dumps(report, indent=1))
    else:
        _show(found)
    return 1 if wrong else 0


def _subjects(what: list[str]) -> Iterator[Subject]:
    if "ours" in what:
        yield from (_subject(staging, None) for staging in verified())
    if "honest" in what:
        yield from (_subject(staging, None) for staging in HONEST.values())
    if "liars" in what:
        yield from (_subject(staging, claim) for staging, claim in LIARS.values())


def _subject(staging: type[Staging], lies_about: str | None) -> Subject:
    name = f"{staging.__module__.rpartition('.')[2]}.{staging.__name__}"
    return Subject(name, f"{staging.__module__}:{staging.__name__}", lies_about)


def _verified(subject: Subject, trials: int) -> Found:
    command = [sys.executable, "-m", "agentkit.cli", "verify-tool", subject.target, "--trials", str(trials), "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TOO_LONG, check=False)
        report: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        found = Found(subject.name, subject.lies_about, [], 0, [], 0.0, f"{type(error).__name__}: {error}"[:500])
    else:
        checks = report["checks"]
        found = Found(
            subject.name,
            subject.lies_about,
            sorted({lie["claim"] for lie in report["lies"]}),
            sum(check["seen"] for check in checks),
            [check["what"] for check in checks if check["verdict"] == "not checked"],
            report["seconds"],
        )
    print(_line(found), file=sys.stderr, flush=True)
    return found


def _show(found: list[Found]) -> None:
    for each in found:
        print(_line(each))
    print(f"{sum(each.right for each in found)} of {len(found)} right")


def _line(found: Found) -> str:
    said = found.problem or ", ".join(found.claims) or "no lie"
    return (
        f"{'ok' if found.right else 'WRONG':6}{found.name:34} {found.lies_about or 'honest':14} found: {said:30}"
        f" {found.trials:6} trials {found.seconds:7.1f} s"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verify", description=__doc__)
    kinds = ("ours", "honest", "liars")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--what", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--only", default="", help="only those whose name has this text")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
