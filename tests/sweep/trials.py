"""The sweep itself: cut a process at one point, let another resume, and ask the servers what there is.

`python -m tests.sweep.trials --what trip --shard 0/8` prints one JSON line for each trial and one for the count of
points. Everything is imported once; each trial forks.
"""

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from agentkit_tools.testing.cuts import CUT, Cuts
from examples.trip_desk.evidence import effects
from examples.trip_desk.world import World
from tests.sweep.drive import drive_forgetful_trip, drive_trip, drive_undo

SEED = 20
"""The same story each time, so that points have the same names; keys, tags and ports still differ."""

Job = Callable[[World], Any]

JOBS: dict[str, Job] = {
    "trip": lambda world: drive_trip(world, copy_is_proof=True),
    "doubtful-trip": lambda world: drive_trip(world, may_land=timedelta(milliseconds=300)),
    "undo": drive_undo,
    "forgetful-trip": drive_forgetful_trip,
}


def main() -> None:
    """Observe how many points there are, then take this shard's share of them."""
    options = _options()
    shard, of = map(int, options.shard.split("/"))
    points = [point for point in _trial(options.what, None)["trail"] if options.only in point]
    print(json.dumps({"points": len(points)}), flush=True)
    for point in points[shard::of]:
        print(json.dumps(_trial(options.what, point)), flush=True)


def _trial(what: str, at: str | None) -> dict[str, Any]:
    """One world, one cut (or none), one resumption."""
    folder = Path(tempfile.mkdtemp(prefix="agentkit-sweep-"))
    try:
        with World.create(folder / "world", seed=SEED) as world:
            if what == "undo":
                _ended(folder, "before", lambda: drive_trip(world, copy_is_proof=True), None)
            code = _ended(folder, "first", lambda: JOBS[what](world), at)
            trail = (folder / "first.trail").read_text().splitlines()
            if at is not None:
                _ended(folder, "second", lambda: JOBS[what](world), None)
            report = json.loads((folder / ("first" if at is None else "second")).read_text())
            return {"at": at, "cut": code == CUT, "trail": trail if at is None else trail[-1:],
                    "report": report, "seen": _seen(world)}  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _seen(world: World) -> dict[str, Any]:
    there = effects(world)
    return {
        "mails": [mail.copies for mail in there.mails],
        "bookings": [booking.status for booking in there.bookings],
        "events": len(there.events),
        "duplicates": list(there.duplicates),
    }


def _ended(folder: Path, name: str, job: Callable[[], Any], at: str | None) -> int:
    """Run the job in a fork with its cut; its report goes into a file."""
    child = os.fork()
    if child == 0:
        try:
            Cuts(_trail(folder / f"{name}.trail"), at).install()
            (folder / name).write_text(json.dumps(asyncio.run(job())))
            os._exit(0)
        except BaseException:  # a fork must never go on as its parent
            traceback.print_exc()
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, CUT):
        raise RuntimeError(f"the {name} process of the trial at {at} ended with {code}")
    return code


def _trail(file: Path) -> Callable[[str], None]:
    """Writes every point down before anything happens at it."""
    out = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def tell(name: str) -> None:
        os.write(out, (name + "\n").encode())

    return tell


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--what", choices=JOBS, default="trip")
    parser.add_argument("--shard", default="0/1", help="which share of the points, such as 0/8")
    parser.add_argument("--only", default="", help="only points whose description has this text")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
