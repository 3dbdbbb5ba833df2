"""The trip desk's job and its undo, killed at every point where something becomes durable or leaves the process."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.servers, pytest.mark.sweep, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
SHARDS = 10
FINAL_DOT = repr(b"\r\n.\r\n")


@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_effect_of_the_job_exists_once_wherever_the_process_dies(shard: int) -> None:
    for trial in _cut_trials("trip", f"{shard}/{SHARDS}"):
        assert trial["seen"] == {"mails": [1], "bookings": ["CONFIRMED"], "events": 1, "duplicates": []}, trial
        assert trial["report"]["doubts"] == [], trial
        assert set(trial["report"]["states"].values()) == {"done"}, trial


@pytest.mark.parametrize("shard", range(4))
def test_the_undo_comes_to_the_same_end_wherever_the_process_dies(shard: int) -> None:
    for trial in _cut_trials("undo", f"{shard}/4"):
        assert trial["seen"] == {"mails": [1], "bookings": ["CANCELLED"], "events": 0, "duplicates": []}, trial
        assert trial["report"]["status"] == "rolled_back_with_residue", trial
        assert trial["report"]["report"]["stuck"] == [], trial


def test_with_plain_smtp_only_a_mail_cut_at_the_final_dot_can_be_in_doubt() -> None:
    [before, after] = _cut_trials("doubtful-trip", "0/1", only=FINAL_DOT)

    assert before["report"]["doubts"] == ["email.send"]  # not sent, which nobody but the server can know
    assert before["seen"]["mails"] == []  # the person found that out, and the clerk let it be
    assert after["report"]["doubts"] == []  # sent: its copy was found
    assert after["seen"] == {"mails": [1], "bookings": ["CONFIRMED"], "events": 1, "duplicates": []}


def test_the_sweep_sees_a_planted_duplicate() -> None:
    trials = _cut_trials("forgetful-trip", "0/1", only='after write of b\'{"uuid"')

    assert any(trial["seen"]["duplicates"] for trial in trials)


def _cut_trials(what: str, shard: str, only: str = "") -> list[dict[str, Any]]:
    """The trials of which the cut was seen. Nearly all must be: the points are those of an uncut run."""
    command = [sys.executable, "-m", "tests.sweep.trials", "--what", what, "--shard", shard, "--only", only]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-4000:]
    count, *trials = [json.loads(line) for line in ended.stdout.splitlines()]
    cut = [trial for trial in trials if trial["cut"]]
    assert count["points"] > 100 or only or what == "undo"
    assert cut
    assert len(cut) >= 0.9 * len(trials), f"{len(trials) - len(cut)} of {len(trials)} cuts were not reached"
    return cut
