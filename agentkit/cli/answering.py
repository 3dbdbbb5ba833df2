"""`agentkit approvals`, `approve`, `reject` and `settle`: what people say. They need only the database."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

import typer

from agentkit.approval.question import Question
from agentkit.approval.settle import settle as settle_action
from agentkit.cli.ending import OK, WAITS
from agentkit.cli.reach import AsJson, By, JournalUrl, opened, person
from agentkit.cli.report import answers_to, question_data
from agentkit.cli.screen import Whole, print_json, quote, quoted_facts, say, tell
from agentkit.cli.words import arguments, away, block, clock, line
from agentkit.errors import OperatorMatter
from agentkit.journal.journal import Journal
from agentkit.journal.records import ConsentRecord, QuestionRecord, RunRecord

NOT_PROVEN = "asserted, not proven"
QuestionId: TypeAlias = Annotated[
    str, typer.Argument(metavar="QUESTION", help="Its id (q-...), as `agentkit approvals` shows it.")
]
SHORTEST_DIGEST = 8
"""So many characters of a digest name it well enough."""


def approvals(journal: JournalUrl = None, as_json: AsJson = False) -> int:
    """Show what waits for a person: what would run, with which arguments, why you are asked, and the way back.

    Example: agentkit approvals
    """
    found = asyncio.run(_open_questions(journal))
    if as_json:
        print_json([each.data() for each in found])
    elif not found:
        tell("Nothing waits for you.")
    else:
        for number, each in enumerate(found):
            if number:
                say()
            each.show(f" --journal {journal}" if journal else "")
    return OK


def approve(
    question: QuestionId,
    by: By = None,
    reason: Annotated[str, typer.Option("--reason", help="For the record.")] = "",
    digest: Annotated[
        str, typer.Option("--digest", help="Approve only if it still shows this digest (8 characters or more).")
    ] = "",
    journal: JournalUrl = None,
    as_json: AsJson = False,
) -> int:
    """Let an action happen, just as the question shows it.

    Example: agentkit approve q-4k9w2m7x1cpa --by ann@example.org
    """
    return asyncio.run(_answer("approve", question, person(by), reason, digest, journal, as_json))


def reject(
    question: QuestionId,
    reason: Annotated[str, typer.Option("--reason", help="Why; the agent is told.")],
    by: By = None,
    journal: JournalUrl = None,
    as_json: AsJson = False,
) -> int:
    """Do not let an action happen.

    Example: agentkit reject q-4k9w2m7x1cpa --reason "Ask her on the phone."
    """
    return asyncio.run(_answer("reject", question, person(by), reason, "", journal, as_json))


def settle(
    action: Annotated[str, typer.Argument(metavar="ACTION", help="The action in doubt, or the question about it.")],
    happened: Annotated[
        bool, typer.Option("--happened/--did-not-happen", help="What you found out about it.", show_default=False)
    ],
    note: Annotated[str, typer.Option("--note", help="How you found out.")] = "",
    result: Annotated[str, typer.Option("--result", metavar="JSON", help="What the tool would have returned.")] = "",
    by: By = None,
    journal: JournalUrl = None,
    as_json: AsJson = False,
) -> int:
    """Say whether an action in doubt happened. Nobody else can know.

    Example: agentkit settle a-0f9a3b5c7d1e2f40 --happened --note "It is in her inbox."
    """
    return asyncio.run(_settle(action, happened, person(by), note, _parsed(result), journal, as_json))


@dataclass(frozen=True)
class Asked:
    """An open question, whose run it is, and who has approved so far."""

    question: Question
    run: RunRecord
    approved: Sequence[str]
    now: datetime

    def data(self) -> dict[str, Any]:
        """As JSON."""
        return question_data(self.question) | {
            "agent": self.run.agent,
            "goal": self.run.goal,
            "approved_by": list(self.approved),
        }

    def show(self, journal: str) -> None:
        """In full: an approver must see all that would run."""
        quote(f"{self.question.id}  {self.question.tool}", "bold")
        first, *rest = answers_to(self.question, journal)
        answers = [("answer", first), *(("", command) for command in rest)]
        quoted_facts([*self._origin(), *self._content(), *self._terms(), *answers], "  ")

    def _origin(self) -> list[tuple[str, str]]:
        asked = away(self.question.asked_at, self.now)
        return [
            ("asked", f"{asked} by {self.run.agent} in {self.question.run}"),
            ("goal", line(self.run.goal, 300)),
        ]

    def _content(self) -> list[tuple[str, str]]:
        """The arguments behind a mark of their own: no argument's name can pass for a fact of ours."""
        question = self.question
        does = question.shown.get("does", "")
        given = [(f". {line(name)}", block(value)) for name, value in question.arguments.items()]
        sources = [(f". {line(path)} from", _source(label)) for path, label in question.sources.items()]
        return [*([("does", line(does))] if does else []), *given, *sources]

    def _terms(self) -> list[tuple[str, str]]:
        question, shown = self.question, self.question.shown
        rule = f" (rule {line(shown['rule'])})" if shown.get("rule") else ""
        evidence = shown.get("evidence")
        known = [
            ("doubt" if question.kind == "settle" else "why", line(question.reason, None) + rule),
            ("evidence", block(evidence) if evidence else ""),
            ("undo", Whole(line(question.undo, None))),
            ("undoes", line(shown.get("undoes") or "")),
            ("needs", self._needs() if question.needed > 1 else ""),
            ("expires", self._expires(question.expires_at) if question.expires_at else ""),
            ("digest", question.digest[:12]),
        ]
        return [(name, said) for name, said in known if said]

    def _expires(self, at: datetime) -> str:
        return f"{away(at, self.now)} ({clock(at)})"

    def _needs(self) -> str:
        so_far = f"approved by {', '.join(map(line, self.approved))}" if self.approved else "nobody has approved yet"
        return f"{self.question.needed} different people; {so_far}"


async def _open_questions(url: str | None) -> list[Asked]:
    async with opened(url) as journal:
        return [await _asked(record, journal) for record in await journal.open_questions()]


async def _asked(record: QuestionRecord, journal: Journal) -> Asked:
    run = await journal.run(record.run)
    return Asked(Question(record, journal), run, await _approvers(record.id, journal), journal.clock())


async def _approvers(question: str, journal: Journal) -> list[str]:
    consents: list[ConsentRecord] = await journal.look(
        lambda tx: tx.find(ConsentRecord, question=question, verdict="approve")
    )
    return [consent.by for consent in consents]


async def _answer(
    verdict: Literal["approve", "reject"],
    name: str,
    by: str,
    reason: str,
    digest: str,
    url: str | None,
    as_json: bool,
) -> int:
    if digest and len(digest) < SHORTEST_DIGEST:
        raise OperatorMatter(f"--digest {line(digest)} is too short: give {SHORTEST_DIGEST} characters or more")
    async with opened(url) as journal:
        asked = await journal.question(name)
        if name != asked.id:
            raise OperatorMatter(_name_the_question(name, asked))
        answered = await journal.answer(
            asked.id, verdict, by=by, proof="asserted", reason=reason, digest=_meant(digest, asked)
        )
        approved = await _approvers(asked.id, journal)
    question = Question(answered, journal)
    if as_json:
        print_json(question_data(question) | {"by": by, "proof": "asserted", "approved_by": approved})
    else:
        _tell_answer(question, verdict, by, approved)
    return WAITS if answered.status == "open" else OK


def _tell_answer(question: Question, verdict: str, by: str, approved: list[str]) -> None:
    done = "approved" if verdict == "approve" else "rejected"
    quote(f"{done} {question.id}: {question.tool} {arguments(question.arguments)}")
    say(f"by {line(by)} ({NOT_PROVEN})")
    if question.status == "open":
        say(f"Another person is needed: {len(approved)} of {question.needed} have approved.", "yellow")
    else:
        say(f"A worker goes on with it, or: agentkit resume MODULE:NAME {question.run}")


async def _settle(name: str, happened: bool, by: str, note: str, result: Any, url: str | None, as_json: bool) -> int:
    async with opened(url) as journal:
        action = (await journal.question(name)).action if name.startswith("q-") else name
        outcome = await settle_action(journal, action, happened=happened, by=by, note=note, result=result)
        record = await journal.action(action)
    if as_json:
        print_json({"action": action, "run": record.run, "tool": record.tool, **outcome.as_data()})
    else:
        say(f"settled {action}: {record.tool} is {outcome.status}, by {line(by)} ({NOT_PROVEN})")
    return OK


def _meant(digest: str, asked: QuestionRecord) -> str:
    """The digest of the question, if that is what the person names; else what they name, which is then refused."""
    if not digest:
        return asked.digest
    return asked.digest if asked.digest.startswith(digest) else digest


def _name_the_question(name: str, asked: QuestionRecord) -> str:
    """An action may ask anew: only a question stands for what a person has seen."""
    return (
        f"{line(name)} is an action; answer the question itself: {asked.id} (digest {asked.digest[:12]}); "
        "`agentkit approvals` shows it"
    )


def _parsed(result: str) -> Any:
    if not result:
        return None
    try:
        return json.loads(result)
    except ValueError as error:
        raise OperatorMatter(f"--result is not JSON ({error}); a text is written '\"like this\"'") from None


def _source(label: Mapping[str, str]) -> str:
    """`user`, or `tool (a-..., path.in.its.result)`."""
    place = ", ".join(line(label[name]) for name in ("action", "path") if label.get(name))
    return line(label.get("origin", "unknown")) + (f" ({place})" if place else "")
