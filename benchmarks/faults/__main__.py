"""What faults do to each tool: `python -m benchmarks.faults --json`.

For every tool and fault: so many trials that saw the fault, down the road and, under `naive`, with the same tool
function under plain tenacity retries. What happened is counted on the real server; `-` where a second effect could not
be told from the first. Exit code 1 when the road doubled, lost or overwrote anything, when a fault was seen too seldom,
or when naive retries showed no damage at all, since then the faults were none.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable
from typing import Any

from benchmarks.faults.catalogue import TOOLS, Entry
from benchmarks.faults.trials import KINDS, Tally, Trials, trials_of

BAD = ("duplicates", "silent_losses", "clobbers")
COLUMNS = ("trials", *BAD, "escalations", "not_done")


def main() -> int:
    """Run what was chosen; say it as a table or as JSON."""
    options = _options()
    report = {name: asyncio.run(_tool(name, TOOLS[name], options)) for name in options.tools}
    ours = _sum(report, "road")
    naive = _sum(report, "naive")
    summary = {"road": ours, "naive": naive}
    if options.json:
        print(json.dumps({"tools": report, "sum": summary}, indent=1))
    else:
        _show(report, summary)
    unseen = [f"{tool}: {fault}" for tool, faults in report.items() for fault, ways in faults.items()
              if ways["road"]["trials"] < options.trials]  # fmt: skip
    if unseen:
        _say(f"seen too seldom: {', '.join(unseen)}")
    good = not unseen and not any(ours[name] for name in BAD) and any(naive[name] for name in BAD)
    return 0 if good else 1


async def _tool(name: str, entry: Entry, options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    async with trials_of(entry.staging(), entry.countable) as trials:
        for fault in options.faults:
            for way, tried in _ways(trials, fault, entry, options).items():
                found.setdefault(fault, {})[way] = tally = (await tried).as_data()
                _say(f"{name}: {fault} ({way}): {tally}")
    return found


def _ways(trials: Trials, fault: str, entry: Entry, options: argparse.Namespace) -> dict[str, Awaitable[Tally]]:
    """How the fault is tried on this tool; not at all where it cannot happen to it."""
    wanted, naive = options.trials, options.naive or options.trials
    if fault in KINDS:
        return {"road": trials.road(fault, wanted), "naive": trials.naive(fault, naive)}
    if fault == "stale key" and entry.forget is not None:
        return {"road": trials.forgotten(wanted, entry.forget)}
    if fault == "edited before undo" and entry.edited:
        blindly = {"naive": trials.edited(naive, entry.overwrite)} if entry.overwrite else {}
        return {"road": trials.edited(wanted), **blindly}
    if fault == "five at once" and entry.raced:
        return {"road": trials.raced(wanted)}
    return {}


def _sum(report: dict[str, Any], way: str) -> dict[str, int]:
    tallies = [ways[way] for faults in report.values() for ways in faults.values() if way in ways]
    return {name: sum(tally[name] or 0 for tally in tallies) for name in COLUMNS}


def _show(report: dict[str, Any], summary: dict[str, dict[str, int]]) -> None:
    print(f"{'tool':38} {'fault':22} {'way':6}" + "".join(f"{name:>15}" for name in COLUMNS))
    rows = [(tool, fault, way, tally) for tool, faults in report.items() for fault, ways in faults.items()
            for way, tally in ways.items()]  # fmt: skip
    for tool, fault, way, tally in [*rows, *(("all", "", way, tally) for way, tally in summary.items())]:
        counts = ("-" if tally[name] is None else tally[name] for name in COLUMNS)
        print(f"{tool:38} {fault:22} {way:6}" + "".join(f"{count:>15}" for count in counts))


def _say(what: str) -> None:
    print(f"==> {what}", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    more = ("stale key", "edited before undo", "five at once")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--trials", type=int, default=100, help="for each tool and fault, in which it was seen")
    parser.add_argument("--naive", type=int, help="as many of the naive ones; as --trials if not given")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    parser.add_argument("--faults", nargs="+", choices=(*KINDS, *more), default=[*KINDS, *more])
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
