"""`agentkit runs`, `agentkit show` and `agentkit config show`."""

import re

import pytest

from tests.cli.commands import Invoke, Program, Shell, report, run_in


@pytest.fixture
def run(invoke: Invoke, program: Program) -> str:
    program('agent = Agent(ScriptedModel([mark(mark="x"), "It is done."]), tools=[mark], policy=RUN)')
    return run_in(invoke("run", "app:agent", "Leave a mark.").stdout)


def test_runs_are_listed_with_the_newest_last(invoke: Invoke, run: str):
    newer = run_in(invoke("run", "app:agent", "Leave another.").stdout)

    listed = invoke("runs").stdout.splitlines()

    assert listed[0].split() == ["RUN", "STATUS", "BEGUN", "AGENT", "GOAL"]
    assert [line.split()[0] for line in listed[1:]] == [run, newer]
    assert listed[1].endswith("agent:agent  Leave a mark.")


def test_of_many_runs_the_last_are_shown_and_how_to_see_all(invoke: Invoke, run: str):
    newer = run_in(invoke("run", "app:agent", "Leave another.").stdout)

    last = invoke("runs", "--last", "1")

    assert run_in(last.stdout) == newer
    assert last.stderr == "These are the last 1 of 2; --last 2 shows all.\n"
    assert [each["run"] for each in report(invoke("runs", "--json"))] == [run, newer]


def test_a_run_is_shown_step_by_step(invoke: Invoke, run: str):
    shown = invoke("show", run).stdout

    for said in ("goal    Leave a mark.", "status  finished", "1 tool calls of 100", "answer  It is done."):
        assert said in shown
    assert "world.mark (a-" in shown
    assert '): done\n     mark="x"\n     -> "x"\n' in shown


def test_the_journal_and_the_trace_are_shown_when_asked_for(invoke: Invoke, run: str):
    shown = invoke("show", run, "--entries", "--spans").stdout

    kinds = ["run_opened", "replied", "proposed", "decided", "started", "done", "run_finished"]
    places = [shown.index(f"  {kind} ") for kind in kinds]
    assert places == sorted(places)
    assert "  invoke_agent agent" in shown
    assert "    execute_tool world.mark" in shown


def test_all_of_it_is_there_as_json(invoke: Invoke, run: str):
    said = report(invoke("show", run, "--entries", "--spans", "--json"))

    assert (said["status"], said["agent"], said["undos"]) == ("finished", "agent:agent", [])
    assert said["steps"][0]["outcome"]["result"] == "x"
    assert said["entries"][0]["kind"] == "run_opened"
    assert {"chat scripted", "execute_tool world.mark"} <= {span["name"] for span in said["spans"]}
    assert "entries" not in report(invoke("show", run, "--json"))


def test_there_are_no_colours_outside_of_a_terminal_and_none_with_no_color(shell: Shell, run: str):
    for environment in ({}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}):
        assert "\x1b[3" not in shell("show", run, **environment).stdout


def test_a_narrow_terminal_loses_nothing(shell: Shell, run: str):
    narrow, wide = shell("show", run, COLUMNS="20").stdout, shell("show", run).stdout

    assert all(len(line) <= 20 for line in narrow.splitlines())
    assert "".join(re.sub(r"\| ", "", narrow).split()) == "".join(wide.split())


def test_what_a_run_waits_for_is_said_once(invoke: Invoke, program: Program):
    program('agent = Agent(ScriptedModel([mark(mark="x"), "It is done."]), tools=[mark], policy=ASK)')

    ran = invoke("run", "app:agent", "Leave a mark.")

    assert "status    waiting for a person: " in ran.stdout
    assert not any(line != line.rstrip() for line in (ran.stdout + ran.stderr).splitlines())


def test_no_line_about_an_action_without_arguments_ends_in_a_blank(invoke: Invoke, program: Program):
    program("""
        @tool("booking.products", repeat=ReadOnly())
        async def products(ctx: ToolContext) -> str:
            return "none"

        agent = Agent(ScriptedModel([products(), "None."]), tools=[products], policy=RUN)
    """)

    assert "doing     booking.products\n" in invoke("run", "app:agent", "Look.").stderr


def test_a_terminal_without_unicode_gets_codes_and_no_error(shell: Shell, program: Program):
    program('agent = Agent(ScriptedModel(["Grüße ⟨x⟩"]), tools=[mark], policy=RUN)')

    done = shell("run", "app:agent", "Say hello.", PYTHONIOENCODING="ascii")

    assert (done.returncode, "Gr\\xfc\\xdfe" in done.stdout) == (0, True)


def test_a_pipe_that_closes_early_is_no_crash(start, run: str):
    process = start("show", run, "--entries")
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.wait(20)
    process.stderr.close()


def test_every_setting_is_shown_with_where_it_comes_from(invoke: Invoke, folder):
    (folder / "agentkit.toml").write_text('policy = "read_only"\n')

    shown = invoke("config", "show", env={"AGENTKIT_TENANT": "ours"})
    settings = {each["name"]: each for each in report(invoke("config", "show", "--json"))}

    assert "policy           read_only" in shown.stdout
    assert "environment AGENTKIT_TENANT" in shown.stdout
    assert settings["policy"] == {"name": "policy", "value": "read_only", "source": "agentkit.toml"}
    assert settings["lease"]["source"] == "default"


def test_a_wrong_setting_is_one_line(invoke: Invoke, folder):
    (folder / "agentkit.toml").write_text('polcy = "read_only"\n')

    refused = invoke("config", "show")

    assert refused.exit_code == 1
    assert "there is no setting 'polcy'; did you mean 'policy'?" in refused.stderr
    assert invoke("runs", "--journal", "acts.db").stderr.count("\n") == 1
