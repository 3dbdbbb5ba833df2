"""`agentkit approvals`, `approve`, `reject` and `settle`: they need only the database."""

import getpass
import json
import re
import socket
from pathlib import Path

import pytest

from tests.cli.commands import Invoke, Marks, Program, action_in, question_in, report, run_in

ASKS = """
    agent = Agent(ScriptedModel([mark(mark={mark!r}), "It is done."]), tools=[mark], policy={policy})
"""


@pytest.fixture
def question(invoke: Invoke, program: Program) -> str:
    """The open question of a run that waits for one person."""
    program(ASKS.format(mark="x", policy="ASK"))
    return question_in(invoke("run", "app:agent", "Leave a mark.").stdout)


@pytest.mark.parametrize(
    "words",
    [
        ("approvals",),
        ("approve", "q-1"),
        ("reject", "q-1", "--reason", "no"),
        ("settle", "a-1", "--happened"),
        ("runs",),
        ("show", "r-1"),
    ],
)
def test_no_database_is_made_by_looking_for_one(invoke: Invoke, folder: Path, words: tuple[str, ...]):
    refused = invoke(*words)

    assert refused.exit_code == 1
    assert "there is no journal at" in refused.stderr
    assert list(folder.iterdir()) == []


def test_a_journal_in_memory_cannot_be_seen_from_here(invoke: Invoke):
    refused = invoke("approvals", env={"AGENTKIT_JOURNAL": "memory:"})

    assert (refused.exit_code, "a journal in memory ends with its process" in refused.stderr) == (1, True)


def test_an_approver_sees_who_asks_what_why_the_way_back_and_the_commands(invoke: Invoke, question: str):
    shown = invoke("approvals").stdout

    assert shown.startswith(f"{question}  world.mark\n")
    for said in (
        "by agent:agent in r-",
        "goal     Leave a mark.",
        "does     Leave a mark in the world.",
        '. mark   "x"',
        "undo     cannot be undone",
        "expires  in 2",
        f"agentkit approve {question}",
        f"agentkit reject {question} --reason",
    ):
        assert said in shown


def test_what_is_invisible_is_spelled_out_and_no_text_can_pass_for_a_line_of_ours(invoke: Invoke, program: Program):
    program(ASKS.format(mark="Dear Ann,\nundo     can be undone\u202e\u200b\x1b[8m", policy="ASK"))
    invoke("run", "app:agent", "Leave a mark.")

    shown = invoke("approvals").stdout

    assert "| undo     can be undone⟨U+202E⟩⟨U+200B⟩⟨U+001B⟩[8m" in shown
    assert not {"\u202e", "\u200b", "\x1b"} & set(shown)


PADDED = "Hello Ann." + " " * 51 + "undo     can be restored exactly" + " " * 80 + "undo     can be undone"


@pytest.mark.parametrize("columns", ["20", "60", "80"])
@pytest.mark.parametrize("given", [PADDED, "Hi\n" + PADDED, [PADDED], {PADDED: PADDED}, "字" * 60 + "undo"])
def test_no_broken_line_of_an_argument_begins_like_one_of_ours(
    invoke: Invoke, program: Program, columns: str, given: object
):
    program("""
        @tool("post.send", undo=Irreversible())
        async def send(ctx: ToolContext, body: dict | list | str) -> str:
            return "sent"

        agent = Agent(ScriptedModel([send(body=BODY), "Sent."]), tools=[send], policy=ASK)
    """.replace("BODY", repr(given)))  # fmt: skip
    begun = invoke("run", "app:agent", "Send " + "undo can be undone " * 20)

    shown = invoke("approvals", env={"COLUMNS": columns}).stdout.splitlines()
    again = invoke("show", run_in(begun.stdout), env={"COLUMNS": columns}).stdout.splitlines()

    quoted = [line for line in [*shown, *again] if re.search("Ann|undone|restored|字", line)]
    ours = ("undo     cannot be undone", "goal ", ". body", "body=")
    assert sum(line.lstrip().startswith("| ") for line in quoted) > 3
    for line in quoted:
        assert line.lstrip().startswith(("| ", *ours)), line
        assert len(line) <= int(columns) or "cannot be undone" in line


def test_the_questions_are_there_as_json(invoke: Invoke, question: str):
    [asked] = report(invoke("approvals", "--json"))

    assert (asked["question"], asked["arguments"], asked["agent"]) == (question, {"mark": "x"}, "agent:agent")
    assert asked["approved_by"] == []


def test_nothing_to_answer_is_said_and_is_no_mistake(invoke: Invoke, question: str):
    invoke("reject", question, "--reason", "no")

    nothing = invoke("approvals")

    assert (nothing.exit_code, nothing.stdout, nothing.stderr) == (0, "", "Nothing waits for you.\n")
    assert report(invoke("approvals", "--json")) == []


def test_whoever_types_approves_by_default_and_that_is_said_to_be_unproven(invoke: Invoke, question: str):
    approved = invoke("approve", question)

    assert approved.exit_code == 0
    assert f"by {getpass.getuser()}@{socket.gethostname()} (asserted, not proven)" in approved.stdout


def test_the_name_that_is_given_stands_in_the_journal(invoke: Invoke, question: str):
    said = report(invoke("approve", question, "--by", "ann@example.org", "--reason", "fine", "--json"))

    assert (said["status"], said["by"], said["proof"]) == ("approved", "ann@example.org", "asserted")
    entries = report(invoke("show", said["run"], "--entries", "--json"))["entries"]
    [answer] = [entry["body"] for entry in entries if entry["kind"] == "answered"]
    assert (answer["by"], answer["reason"]) == ("ann@example.org", "fine")


@pytest.mark.parametrize("words", [("approve",), ("reject", "--reason", "no")])
def test_an_action_is_no_answer_to_a_question_and_the_question_is_named(
    invoke: Invoke, question: str, words: tuple[str, ...]
):
    [asked] = report(invoke("approvals", "--json"))

    refused = invoke(*words, asked["action"])

    assert refused.exit_code == 1
    assert f"{asked['action']} is an action; answer the question itself: {question} " in refused.stderr
    assert f"(digest {asked['digest'][:12]})" in refused.stderr
    assert len(report(invoke("approvals", "--json"))) == 1


def test_a_second_answer_hears_who_was_first(invoke: Invoke, question: str):
    invoke("approve", question, "--by", "ann")

    late = invoke("reject", question, "--reason", "no", "--by", "bob")

    assert late.exit_code == 1
    assert f"{question} is already decided by ann at " in late.stderr


def test_the_agent_cannot_answer_itself_and_nobody_cannot_either(invoke: Invoke, question: str):
    assert "is an agent; a person has to answer" in invoke("approve", question, "--by", "agent:agent").stderr
    assert "an answer needs a name" in invoke("approve", question, "--by", " ").stderr


def test_an_approval_can_be_bound_to_what_was_seen(invoke: Invoke, question: str):
    digest = report(invoke("approvals", "--json"))[0]["digest"]

    other = invoke("approve", question, "--digest", "0" * 12)
    short = invoke("approve", question, "--digest", digest[:3])
    right = invoke("approve", question, "--digest", digest[:12])

    assert (other.exit_code, short.exit_code, right.exit_code) == (1, 1, 0)
    assert "look again" in other.stderr
    assert "give 8 characters or more" in short.stderr


def test_where_two_have_to_approve_the_first_hears_that_another_person_is_needed(
    invoke: Invoke, program: Program, marks: Marks
):
    program(ASKS.format(mark="x", policy="ASK_TWO"))
    waiting = invoke("run", "app:agent", "Leave a mark.")
    run, question = run_in(waiting.stdout), question_in(waiting.stdout)

    first = invoke("approve", question, "--by", "ann")
    same = invoke("approve", question, "--by", "ann")
    between = invoke("approvals").stdout
    too_early = invoke("resume", "app:agent", run)
    second = invoke("approve", question, "--by", "bob")

    assert (first.exit_code, same.exit_code, too_early.exit_code, second.exit_code) == (3, 1, 3, 0)
    assert "Another person is needed: 1 of 2 have approved." in first.stdout
    assert "needs    2 different people; approved by ann" in between
    assert marks() == []
    assert invoke("resume", "app:agent", run).exit_code == 0
    assert len(marks()) == 1


def test_a_rejection_needs_a_reason_and_the_run_goes_on_without_the_action(invoke: Invoke, question: str, marks: Marks):
    run = report(invoke("approvals", "--json"))[0]["run"]
    assert invoke("reject", question).exit_code == 2

    invoke("reject", question, "--reason", "not today", "--by", "ann")
    resumed = invoke("resume", "app:agent", run)

    assert (resumed.exit_code, marks()) == (0, [])
    assert "refused   world.mark" in resumed.stderr
    assert "ann said no: not today" in resumed.stderr


def test_an_unknown_question_says_how_to_find_one(invoke: Invoke, question: str):
    assert "`agentkit approvals` lists what is open" in invoke("approve", "q-nothing").stderr


@pytest.fixture
def doubt(invoke: Invoke, program: Program) -> str:
    """An action in doubt."""
    program("""
        @tool("post.drop")
        async def drop(ctx: ToolContext, to: str) -> str:
            raise ConnectionError("the line went dead")

        agent = Agent(ScriptedModel([drop(to="ann"), "Perhaps."]), tools=[drop], policy=RUN)
    """)
    return action_in(invoke("run", "app:agent", "Drop it.").stdout)


def test_a_doubt_is_shown_with_its_evidence_and_can_only_be_settled(invoke: Invoke, doubt: str):
    shown = invoke("approvals").stdout

    assert "the line went dead" in shown
    assert f"agentkit settle {doubt} --did-not-happen" in shown
    assert f"answer it with `agentkit settle {doubt}`" in invoke("approve", question_in(shown)).stderr


@pytest.mark.parametrize(("found", "state"), [("--happened", "done"), ("--did-not-happen", "failed")])
def test_a_person_settles_it_once(invoke: Invoke, doubt: str, found: str, state: str):
    settled = invoke("settle", doubt, found, "--note", "I looked", "--by", "ann", "--json")

    said = json.loads(settled.stdout)
    assert (settled.exit_code, said["status"]) == (0, state)
    assert "I looked" in said["reason"]
    again = invoke("settle", doubt, found)
    assert (again.exit_code, "there is nothing to settle" in again.stderr) == (1, True)


def test_it_has_to_be_said_what_was_found(invoke: Invoke, doubt: str):
    assert invoke("settle", doubt).exit_code == 2


def test_the_question_names_its_action_and_a_result_can_be_given(invoke: Invoke, doubt: str):
    question = report(invoke("approvals", "--json"))[0]["question"]

    wrong = invoke("settle", question, "--happened", "--result", "message-1")
    right = report(invoke("settle", question, "--happened", "--result", '"message-1"', "--json"))

    assert (wrong.exit_code, "--result is not JSON" in wrong.stderr) == (1, True)
    assert (right["action"], right["result"]) == (doubt, "message-1")


def test_a_name_cannot_play_tricks_on_the_terminal(invoke: Invoke, question: str):
    refused = invoke("approve", question, "--by", "ann\x1b[2J\u202e")

    assert (refused.exit_code, "has invisible characters" in refused.stderr) == (1, True)
    assert not {"\x1b", "\u202e"} & set(refused.stderr)
