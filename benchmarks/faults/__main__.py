"""What faults do to each tool: `python -m benchmarks.faults --json`.

For every tool and fault: so many trials that saw the fault, down the road and, under `naive`, with the same tool
function under plain tenacity retries. What happened is counted on the real server. Exit code 1 when the road doubled,
lost or overwrote anything, or when naive retries showed no damage at all, since then the faults were none.
"""

import argparse
import asyncio
import json
import sys
from typing import Any

from benchmarks.faults.catalogue import TOOLS, Entry
from benchmarks.faults.trials import KINDS, trials_of

BAD = ("duplicates", "silent_losses", "clobbers")


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
    return 0 if not any(ours[name] for name in BAD) and any(naive[name] for name in BAD) else 1


async def _tool(name: str, entry: Entry, options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    async with trials_of(entry.staging()) as trials:
        for kind in options.faults:
            if kind in KINDS:
                _say(f"{name}: {kind}")
                road = await trials.road(kind, options.trials)
                naive = await trials.naive(kind, options.trials)
                found[kind] = {"road": road.as_data(), "naive": naive.as_data()}
        if "stale key" in options.faults and entry.forget is not None:
            _say(f"{name}: stale key")
            tally = await trials.forgotten(options.trials, lambda: entry.forget(trials.staging), entry.retention)
            found["stale key"] = {"road": tally.as_data()}
        if "edited before undo" in options.faults and entry.edited:
            _say(f"{name}: edited before undo")
            found["edited before undo"] = {"road": (await trials.edited(options.trials)).as_data()}
        if "five at once" in options.faults and entry.raced:
            _say(f"{name}: five at once")
            found["five at once"] = {"road": (await trials.raced(options.trials)).as_data()}
    return found


def _sum(report: dict[str, Any], way: str) -> dict[str, int]:
    tallies = [ways[way] for faults in report.values() for ways in faults.values() if way in ways]
    return {name: sum(tally[name] for tally in tallies) for name in ("trials", *BAD, "escalations")}


def _show(report: dict[str, Any], summary: dict[str, dict[str, int]]) -> None:
    columns = ("trials", *BAD, "escalations")
    print(f"{'tool':28} {'fault':22} {'way':6}" + "".join(f"{name:>15}" for name in columns))
    rows = [(tool, fault, way, tally) for tool, faults in report.items() for fault, ways in faults.items()
            for way, tally in ways.items()]  # fmt: skip
    for tool, fault, way, tally in [*rows, *(("all", "", way, tally) for way, tally in summary.items())]:
        print(f"{tool:28} {fault:22} {way:6}" + "".join(f"{tally[name]:15}" for name in columns))


def _say(what: str) -> None:
    print(f"==> {what}", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    more = ("stale key", "edited before undo", "five at once")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--trials", type=int, default=100, help="for each tool and fault, in which it was seen")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    parser.add_argument("--faults", nargs="+", choices=(*KINDS, *more), default=[*KINDS, *more])
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
