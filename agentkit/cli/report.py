"""A run as the command line shows it: in lines, as JSON, and with the commands that go on with it."""

from collections.abc import Mapping
from typing import Any

from agentkit.approval.question import Question
from agentkit.cli.screen import Whole, quote, quoted_facts
from agentkit.cli.words import arguments, clock, line, value
from agentkit.execution.run import Run, Step


def show_outcome(run: Run, program: str, journal: str) -> None:
    """Where a run stands, and what to type next.

    Args:
        run: as it was just read.
        program: `MODULE:NAME` of its agent.
        journal: the option that finds its journal, if one is needed.
    """
    lines = [("run", run.id), ("status", status_of(run)), *answer_of(run)]
    for step in run.held:
        until = f" until {clock(step.held_until)}" if step.held_until else ""
        lines.append(("held", f"{step.tool} ({step.id}){until}"))
        lines.append(("", Whole(f"agentkit worker {program}    # releases it then")))
    for question in run.questions:
        lines.append(("question", _asked(question)))
        lines.extend(("", command) for command in answers_to(question, journal))
    if run.status in ("waiting", "stopped"):
        lines.append(("then", Whole(f"agentkit resume {program} {run.id}    # {_when(run)}")))
    quoted_facts(lines)


def status_of(run: Run) -> str:
    """The status with its reason."""
    words, reason = run.status.replace("_", " "), line(run.reason or "", None)
    if run.status == "waiting" and reason.startswith("waits "):
        return "waiting " + reason.removeprefix("waits ")
    return f"{words}: {reason}" if reason else words


def answer_of(run: Run) -> list[tuple[str, str]]:
    """The final answer, or the report of an undo."""
    if run.kind == "undo" and run.answer:
        return undo_report(run.answer)
    return [] if run.answer is None else [("answer", _text(run.answer))]


def undo_report(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What an undo did, and what it left."""
    return [
        ("" if number else name, f"{each['tool']} ({each['action']})" + _note(each["note"]))
        for name in ("restored", "compensated", "residue", "stuck")
        for number, each in enumerate(report.get(name, ()))
    ]


def answers_to(question: Question, journal: str) -> list[Whole]:
    """The commands that answer a question."""
    if question.kind == "settle":
        command = f"agentkit settle {question.action}"
        return [Whole(f"{command} {found}{journal}") for found in ("--happened", "--did-not-happen")]
    return [
        Whole(f"agentkit approve {question.id}{journal}"),
        Whole(f'agentkit reject {question.id} --reason "..."{journal}'),
    ]


def run_data(run: Run) -> dict[str, Any]:
    """A run as JSON."""
    return {
        "run": run.id,
        "kind": run.kind,
        "goal": run.goal,
        "status": run.status,
        "reason": run.reason,
        "answer": run.answer,
        "questions": [question_data(question) for question in run.questions],
        "steps": [step_data(step) for step in run.steps],
        "spent": dict(run.spent),
    }


def step_data(step: Step) -> dict[str, Any]:
    """A step as JSON."""
    return {
        "action": step.id,
        "tool": step.tool,
        "arguments": dict(step.arguments),
        "state": step.state,
        "outcome": step.outcome.as_data() if step.outcome else None,
        "held_until": step.held_until.isoformat() if step.held_until else None,
        "undone_by": step.undone_by,
    }


def question_data(question: Question) -> dict[str, Any]:
    """A question as JSON."""
    return dict(question.shown) | {
        "question": question.id,
        "kind": question.kind,
        "run": question.run,
        "action": question.action,
        "status": question.status,
        "needed": question.needed,
        "digest": question.digest,
        "asked_at": question.asked_at.isoformat(),
        "expires_at": question.expires_at.isoformat() if question.expires_at else None,
    }


def show_steps(steps: list[Step]) -> None:
    """Every action of a run with what became of it."""
    for number, step in enumerate(steps, 1):
        quote(f"{number:3}  {step.tool} ({step.id}): {_state(step)}")
        quote(f"     {arguments(step.arguments)}", "dim")
        if step.outcome and step.outcome.reason:
            quote(f"     {line(step.outcome.reason, None)}")
        if step.outcome and step.outcome.result is not None:
            quote(f"     -> {line(value(step.outcome.result))}")
        if step.undone_by:
            quote(f"     undone by {step.undone_by}")


def _state(step: Step) -> str:
    until = f" until {clock(step.held_until)}" if step.state == "held" and step.held_until else ""
    return step.state.replace("_", " ") + until


def _asked(question: Question) -> str:
    doing = "did this happen?" if question.kind == "settle" else "may this happen?"
    return f"{question.id}: {doing} {question.tool} {arguments(question.arguments)}"


def _when(run: Run) -> str:
    if run.status == "stopped":
        return "when the reason is gone; a limit can be raised in the settings"
    return "when that is answered; a worker does it by itself" if run.waiting else "later; a worker does it by itself"


def _note(note: str) -> str:
    return f": {line(note, None)}" if note else ""


def _text(answer: Any) -> str:
    return answer if isinstance(answer, str) else value(answer)
