"""`agentkit init`: the project that it writes really works."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.commands import Invoke, Shell, question_in, report, run_in

FILES = {"agentkit.toml", "app.py", "policy.cedar", ".gitignore"}


def test_the_new_project_runs_waits_goes_on_releases_and_is_undone_each_in_a_process_of_its_own(
    shell: Shell, folder: Path
):
    assert shell("init").returncode == 0
    began = shell("run", "app:agent", "Tell Ann about the workshop.")
    assert began.returncode == 3, began.stderr
    run, question = run_in(began.stdout), question_in(began.stdout)

    assert shell("approve", question).returncode == 0
    (folder / "agentkit.db.checkpoints").unlink()
    resumed = shell("resume", "app:agent", run)
    assert resumed.returncode == 0, resumed.stderr
    assert "agentkit worker app:agent    # releases it then" in resumed.stdout
    assert (folder / "notes" / "workshop.txt").read_text() == "The workshop is on Friday at ten.\n"
    assert not (folder / "outbox.jsonl").exists()

    time.sleep(5)
    assert shell("worker", "app:agent", "--once").returncode == 0
    assert len((folder / "outbox.jsonl").read_text().splitlines()) == 1

    undone = shell("undo", "app:agent", run, "--yes")
    assert undone.returncode == 0, undone.stderr
    assert "restores exactly" in undone.stdout
    assert "cannot be undone" in undone.stdout
    assert not (folder / "notes" / "workshop.txt").exists()


def test_a_letter_that_is_still_kept_back_is_cancelled_by_the_undo(invoke: Invoke, folder: Path):
    invoke("init")
    began = invoke("run", "app:agent", "Tell Ann.")
    run = run_in(began.stdout)
    invoke("approve", question_in(began.stdout), "--by", "ann")
    invoke("resume", "app:agent", run)

    undone = invoke("undo", "app:agent", run, "--yes")

    assert (undone.exit_code, "rolled back" in undone.stdout) == (0, True)
    assert not (folder / "outbox.jsonl").exists()


def test_a_note_that_somebody_edited_is_not_removed_and_the_undo_says_so(invoke: Invoke, folder: Path):
    invoke("init")
    began = invoke("run", "app:agent", "Tell Ann.")
    (folder / "notes" / "workshop.txt").write_text("mine now")

    undone = invoke("undo", "app:agent", run_in(began.stdout), "--yes")

    assert undone.exit_code == 4
    assert "somebody has edited the note" in undone.stdout
    assert (folder / "notes" / "workshop.txt").read_text() == "mine now"


def test_it_prints_the_commands_to_type_next(invoke: Invoke):
    first = invoke("init", "desk")

    assert "cd desk" in first.stdout
    assert 'agentkit run app:agent "Tell Ann about the workshop."' in first.stdout


def test_the_same_goal_can_be_pursued_twice(invoke: Invoke):
    invoke("init")
    assert [invoke("run", "app:agent", "Tell Ann.").exit_code for _ in range(2)] == [3, 3]


@pytest.mark.parametrize("there", sorted(FILES))
def test_nothing_is_overwritten_and_nothing_is_written_beside_it(invoke: Invoke, folder: Path, there: str):
    (folder / there).write_text("mine")

    refused = invoke("init")

    assert refused.exit_code == 1
    assert there in refused.stderr
    assert [file.name for file in folder.iterdir()] == [there]
    assert (folder / there).read_text() == "mine"


def test_the_folder_is_made_and_the_report_names_what_was_written(invoke: Invoke, folder: Path):
    made = report(invoke("init", "a/b", "--json"))

    assert set(made["files"]) == FILES == {file.name for file in (folder / "a" / "b").iterdir()}


def test_git_sees_neither_the_journal_nor_its_key_nor_what_the_agent_made(invoke: Invoke, folder: Path):
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    invoke("init")
    invoke("run", "app:agent", "Tell Ann.")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)

    seen = subprocess.run(
        ["git", "status", "--porcelain", "-uall"], cwd=folder, capture_output=True, text=True, check=True
    )

    assert {line.split()[-1] for line in seen.stdout.splitlines()} == FILES


def test_the_model_of_the_environment_thinks_instead_of_the_script(invoke: Invoke):
    invoke("init")

    refused = invoke("run", "app:agent", "Tell Ann.", env={"AGENTKIT_MODEL": "nobody:knows"})

    assert refused.exit_code == 1
    assert "cannot use the model 'nobody:knows'" in refused.stderr
