"""`agentkit doctor`, `agentkit demo`, and what `--help` says."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import agentkit
from tests.cli.commands import Invoke, Program, environment, report

COMMANDS = [
    *(("init",), ("run",), ("resume",), ("worker",), ("approvals",), ("approve",), ("reject",), ("settle",)),
    *(("runs",), ("show",), ("undo",), ("doctor",), ("demo",), ("config", "show")),
]


def checks(invoke: Invoke, *words: str, **options) -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in report(invoke("doctor", *words, "--json", **options))["checks"]}


# Help ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_help_of_every_command_teaches_with_an_example(invoke: Invoke, words: tuple[str, ...]):
    helped = invoke(*words, "--help")
    assert (helped.exit_code, f"Example: agentkit {' '.join(words)}" in helped.stdout) == (0, True)


def test_every_command_is_in_the_help_with_the_exit_codes(invoke: Invoke):
    helped = invoke("--help").stdout

    assert all(words[0] in helped for words in COMMANDS)
    for line in ("0  it is done", "3  it waits for a person's answer", "4  something is in doubt", "130  stopped"):
        assert line in helped


def test_without_a_command_the_help_is_shown(invoke: Invoke):
    assert "Begin and go on" in invoke().output


def test_the_version_is_said(invoke: Invoke):
    assert invoke("--version").stdout.startswith("agentkit ")


@pytest.mark.parametrize("words", [("aprove",), ("runs", "--nonsense"), ("approve",), ("worker", "a:b", "--poll", "0")])
def test_a_wrong_command_line_has_an_exit_code_of_its_own(invoke: Invoke, words: tuple[str, ...]):
    assert invoke(*words).exit_code == 2


# Doctor -------------------------------------------------------------------------------------------------------------


def test_on_a_machine_that_works_all_is_well_and_nothing_is_made(invoke: Invoke, folder: Path):
    well = invoke("doctor")

    assert (well.exit_code, well.stderr) == (0, "All that is needed works.\n")
    assert "sandbox    not in this version" in well.stdout
    assert list(folder.iterdir()) == []


def test_the_journal_and_its_key_are_looked_at(invoke: Invoke, program: Program, folder: Path):
    program('agent = Agent(ScriptedModel(["Hello."]), tools=[mark], policy=RUN)')
    invoke("run", "app:agent", "Say hello.")

    found = checks(invoke, "app:agent")

    assert found["journal"]["found"].endswith("1 runs, readable and writable")
    assert (found["key"]["state"], found["policy"]["found"]) == ("ok", "'run' fits the agent's tools")
    (folder / "agentkit.db.key").chmod(0o644)
    open_to_others = invoke("doctor")
    assert open_to_others.exit_code == 1
    assert "chmod 600" in open_to_others.stdout


@pytest.mark.parametrize(
    ("settings", "broken", "said"),
    [
        ('journal = "sqlite:///nowhere/acts.db"', "journal", "does not exist"),
        ('policy = "nonsense"', "policy", "there are ["),
        ('policy = "nonsense.cedar"', "policy", "nonsense.cedar"),
        ('key = "env:NOT_SET_ANYWHERE"', "key", "NOT_SET_ANYWHERE is not set"),
        ("lease = false", "settings", "'lease' must be a duration"),
    ],
)
def test_what_is_broken_is_named_with_its_remedy(invoke: Invoke, folder: Path, settings: str, broken: str, said: str):
    (folder / "agentkit.toml").write_text(settings)

    ill = invoke("doctor")
    found = checks(invoke)

    assert ill.exit_code == 1
    assert [name for name, check in found.items() if check["state"] == "broken"] == [broken]
    assert said in found[broken]["found"]
    assert found[broken]["remedy"]


def test_a_database_of_somebody_else_is_not_a_journal(invoke: Invoke, folder: Path):
    (folder / "agentkit.db").write_text("this is no database at all, and long enough to look like one " * 20)
    assert checks(invoke)["journal"]["state"] == "broken"


def test_tools_that_declare_nothing_are_named(invoke: Invoke, program: Program):
    program("""
        @tool("post.drop")
        async def drop(ctx: ToolContext) -> str:
            return "x"

        agent = Agent(ScriptedModel([]), tools=[drop, mark], policy=RUN)
    """)

    found = checks(invoke, "app:agent")["agent"]

    assert (found["state"], "these declare nothing: ['post.drop']" in found["found"]) == ("note", True)


def test_an_agent_that_does_not_load_is_a_finding_like_others(invoke: Invoke):
    assert checks(invoke, "nothing:here")["agent"]["state"] == "broken"


def test_a_clock_that_was_set_back_is_noticed(invoke: Invoke, monkeypatch: pytest.MonkeyPatch):
    from datetime import datetime

    from agentkit.cli import checks as looked

    class Back(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2001, 1, 1, tzinfo=tz)

    monkeypatch.setattr(looked, "datetime", Back)
    assert checks(invoke)["clock"]["state"] == "broken"


# Demo ---------------------------------------------------------------------------------------------------------------


def demo(root: Path, *flags: str) -> "subprocess.Popen[str]":
    """`agentkit demo`, as if the package lay in that folder."""
    program = f"""
        import agentkit
        agentkit.__file__ = {str(root / "agentkit" / "__init__.py")!r}
        from agentkit.cli import main
        main()
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), "demo", *flags], env=environment({}),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def checkout(root: Path, text: str) -> Path:
    desk = root / "examples" / "trip_desk"
    desk.mkdir(parents=True)
    for package in (desk.parent, desk):
        (package / "__init__.py").touch()
    (desk / "demo.py").write_text(textwrap.dedent(text))
    return root


def test_the_demo_runs_in_the_checkout_with_the_same_flags_and_its_exit_code(tmp_path: Path):
    root = checkout(tmp_path, "import os, sys; print(sys.argv[1:], os.getcwd()); sys.exit(7)")

    process = demo(root, "--json", "--yes")
    out, _err = process.communicate(timeout=30)

    assert (process.returncode, out) == (7, f"['--yes', '--json'] {root}\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_demo_is_told_to_stop_and_may_clean_up(tmp_path: Path, number: int, code: int):
    ready = tmp_path / "ready"
    root = checkout(
        tmp_path,
        f"""
        import sys, time
        open({str(ready)!r}, "w").close()
        try:
            time.sleep(30)
        except KeyboardInterrupt:
            print("cleaned up")
            sys.exit(130)
        """,
    )
    process = demo(root)
    while not ready.exists():
        time.sleep(0.05)

    process.send_signal(number)
    out, err = process.communicate(timeout=30)

    assert (process.returncode, "Traceback" in err) == (code, False)
    assert ("cleaned up" in out) == (number == signal.SIGINT)


def test_a_demo_that_cleans_up_after_sigterm_is_waited_for(tmp_path: Path):
    ready = tmp_path / "ready"
    root = checkout(
        tmp_path,
        f"""
        import signal, sys, time
        def stop(*_):
            raise KeyboardInterrupt
        signal.signal(signal.SIGTERM, stop)
        try:
            open({str(ready)!r}, "w").close()
            time.sleep(30)
        except KeyboardInterrupt:
            time.sleep(0.3)
            print("cleaned up")
            sys.exit(130)
        """,
    )
    process = demo(root)
    while not ready.exists():
        time.sleep(0.05)

    process.terminate()
    out, err = process.communicate(timeout=30)

    assert (process.returncode, out, "Traceback" in err) == (143, "cleaned up\n", False)


def test_outside_of_a_checkout_the_demo_says_what_it_needs(
    invoke: Invoke, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(agentkit, "__file__", os.fspath(folder / "agentkit" / "__init__.py"))

    refused = invoke("demo")

    assert refused.exit_code == 1
    assert "it needs the repository and its test servers; `git clone` it and type `make demo`" in refused.stderr
