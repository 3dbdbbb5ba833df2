"""`agentkit run` and `agentkit resume`."""

import json
import signal
import time
from pathlib import Path

from tests.cli.commands import Invoke, Marks, Program, Shell, Start, action_in, question_in, report, run_in

ONE = """
    agent = Agent(ScriptedModel([mark(mark="x"), "It is done."]), tools=[mark], policy={policy})
"""


def test_three_processes_and_a_lost_checkpoint_leave_one_effect(
    shell: Shell, program: Program, marks: Marks, folder: Path
):
    program(ONE.format(policy="ASK"))
    began = shell("run", "app:agent", "Leave a mark.")
    assert began.returncode == 3
    run = run_in(began.stdout)
    assert f"agentkit resume app:agent {run}" in began.stdout

    assert shell("approve", question_in(began.stdout), "--by", "ann").returncode == 0
    (folder / "agentkit.db.checkpoints").unlink()
    resumed, again = shell("resume", "app:agent", run), shell("resume", "app:agent", run)

    assert (resumed.returncode, again.returncode) == (0, 0)
    assert "answer  It is done." in resumed.stdout
    assert len(marks()) == 1


def test_results_go_to_standard_output_and_what_goes_on_to_standard_error(invoke: Invoke, program: Program):
    program(ONE.format(policy="RUN"))

    done = invoke("run", "app:agent", "Leave a mark.")

    assert done.exit_code == 0
    assert 'doing     world.mark mark="x"\ndone      world.mark\n' in done.stderr
    assert done.stdout == f"run     {run_in(done.stderr)}\nstatus  finished\nanswer  It is done.\n"


def test_with_json_standard_output_is_one_object(invoke: Invoke, program: Program):
    program(ONE.format(policy="ASK"))

    waiting = invoke("run", "app:agent", "Leave a mark.", "--json")

    said = report(waiting)
    assert waiting.exit_code == 3
    assert said["status"] == "waiting"
    assert said["goal"] == "Leave a mark."
    [question] = said["questions"]
    assert (question["tool"], question["arguments"], question["needed"]) == ("world.mark", {"mark": "x"}, 1)
    assert [step["state"] for step in said["steps"]] == ["waiting"]


def test_the_commands_it_prints_name_the_journal_when_the_settings_would_not_find_it(
    invoke: Invoke, program: Program, folder: Path
):
    program("agent = Agent(ScriptedModel([mark(mark='x')]), tools=[mark], policy=ASK, journal='sqlite:///own.db')")

    waiting = invoke("run", "app:agent", "Leave a mark.")

    question = question_in(waiting.stdout)
    assert f"agentkit approve {question} --journal sqlite:///own.db" in waiting.stdout
    assert invoke("approve", question, "--journal", "sqlite:///own.db").exit_code == 0


def test_a_journal_in_memory_says_that_nobody_can_answer(invoke: Invoke, program: Program):
    program(ONE.format(policy="ASK"))
    waiting = invoke("run", "app:agent", "Leave a mark.", env={"AGENTKIT_JOURNAL": "memory:"})

    assert waiting.exit_code == 3
    assert "nobody can answer" in waiting.stderr


def test_a_run_that_is_stopped_by_its_budget_goes_on_once_the_limit_is_raised(
    invoke: Invoke, program: Program, marks: Marks
):
    program(ONE.format(policy="RUN"))

    stopped = invoke("run", "app:agent", "Leave a mark.", env={"AGENTKIT_MAX_MODEL_CALLS": "1"})
    run = run_in(stopped.stdout)
    raised = invoke("resume", "app:agent", run, env={"AGENTKIT_MAX_MODEL_CALLS": "2"})

    assert (stopped.exit_code, raised.exit_code) == (1, 0)
    assert "a limit can be raised in the settings" in stopped.stdout
    assert len(marks()) == 1


def test_what_nobody_can_know_ends_with_its_own_exit_code_until_a_person_settles_it(invoke: Invoke, program: Program):
    program("""
        @tool("post.drop")
        async def drop(ctx: ToolContext, to: str) -> str:
            raise ConnectionError("the line went dead")

        agent = Agent(ScriptedModel([drop(to="ann"), "Perhaps."]), tools=[drop], policy=RUN)
    """)

    doubtful = invoke("run", "app:agent", "Drop it.")
    action = action_in(doubtful.stdout)

    assert doubtful.exit_code == 4
    assert f"agentkit settle {action} --happened" in doubtful.stdout
    assert invoke("settle", action, "--happened", "--note", "she has it").exit_code == 0
    assert invoke("resume", "app:agent", run_in(doubtful.stdout)).exit_code == 0


def test_another_agent_cannot_go_on_with_a_run_or_undo_it(invoke: Invoke, program: Program, marks: Marks):
    program(
        ONE.format(policy="ASK") + "    other = Agent(ScriptedModel(['Hm.']), tools=[], policy=ASK, name='other')\n"
    )
    run = run_in(invoke("run", "app:agent", "Leave a mark.").stdout)

    for command in ("resume", "undo"):
        refused = invoke(command, "app:other", run)
        assert refused.exit_code == 1
        assert f"{run} was begun by agent:agent, and this is agent:other" in refused.stderr
    assert invoke("show", run, "--json").stdout.count('"waiting"') >= 1


def test_an_unknown_run_says_how_to_find_one(invoke: Invoke, program: Program):
    program(ONE.format(policy="ASK"))
    refused = invoke("resume", "app:agent", "r-nothing")

    assert refused.exit_code == 1
    assert "no run 'r-nothing' in this journal; `agentkit runs` lists them" in refused.stderr


def test_text_of_the_model_and_of_tools_cannot_play_tricks_on_the_terminal(invoke: Invoke, program: Program):
    program("""
        lines = [mark(mark="\\x1b[2Jx\\u202egnp"), "\\x1b[31mdone\\u200b"]
        agent = Agent(ScriptedModel(lines), tools=[mark], policy=RUN)
    """)

    done = invoke("run", "app:agent", "Leave \x1b]0;a mark.")

    assert "\x1b" not in done.output
    assert "\u202e" not in done.output
    assert "⟨U+202E⟩" in done.stderr
    assert "⟨U+001B⟩[31mdone⟨U+200B⟩" in done.stdout


def test_ctrl_c_says_how_to_go_on_and_nothing_is_done_twice(start: Start, shell: Shell, program: Program, marks: Marks):
    program("""
        @tool("world.slow", repeat=Checkable(probe=find, may_land=timedelta(0)))
        async def slow(ctx: ToolContext, mark: str) -> str:
            '''Leaves its mark, and is slow to say so the first time.'''
            leave(ctx.key)
            await asyncio.sleep(60)
            return mark

        agent = Agent(ScriptedModel([slow(mark="x"), "It is done."]), tools=[slow], policy=RUN)
    """)
    process = start("run", "app:agent", "Leave a mark.")
    _wait_until(lambda: len(marks()) == 1)

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)

    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert f"agentkit resume app:agent {run_in(err)}" in err
    resumed = shell("resume", "app:agent", run_in(err))
    assert resumed.returncode == 0, resumed.stderr
    assert len(marks()) == 1


def test_an_unexpected_error_is_one_line_that_says_how_to_see_more(shell: Shell, program: Program):
    program("""
        class Odd(Agent):
            async def __aenter__(self):
                raise ZeroDivisionError("division by zero")

        agent = Odd(ScriptedModel([]), tools=[mark], policy=RUN)
    """)

    broken, debugged = shell("run", "app:agent", "Go."), shell("run", "app:agent", "Go.", AGENTKIT_DEBUG="1")

    assert (broken.returncode, debugged.returncode) == (1, 1)
    assert broken.stderr.splitlines()[-1:] == [
        "error: unexpected ZeroDivisionError: division by zero (AGENTKIT_DEBUG=1 shows where)"
    ]
    assert "Traceback (most recent call last)" in debugged.stderr


def test_the_settings_file_may_lie_in_a_folder_above(invoke: Invoke, program: Program, folder: Path, monkeypatch):
    program(ONE.format(policy="ASK"))
    (folder / "agentkit.toml").write_text('journal = "sqlite:///above.db"\n')
    waiting = invoke("run", "app:agent", "Leave a mark.")
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")

    assert json.loads(invoke("runs", "--json").stdout)[0]["run"] == run_in(waiting.stdout)


def _wait_until(true) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)
