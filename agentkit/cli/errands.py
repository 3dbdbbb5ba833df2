"""What can go on without a person: answered runs, due holds, late questions, and whatever somebody died in."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agentkit.agent import Agent
from agentkit.journal.journal import Journal
from agentkit.journal.records import ActionRecord, QuestionRecord, RunRecord

UNFINISHED = ("proposed", "waiting", "held", "started")


@dataclass(frozen=True)
class Errand:
    """A run that can go on, or single actions of a run that does not go on itself."""

    run: str
    actions: tuple[str, ...]
    """Empty: the run as a whole."""
    owner: str | None = field(compare=False)
    """Who brought the run forward last, as it stood when we looked."""
    seen: tuple[object, ...]
    """How things stood: the same errand once more means that it did not help."""


async def due(agent: Agent, mine: Mapping[str, str | None]) -> list[Errand]:
    """All that can be done now for runs of this agent.

    Args:
        agent: an open one.
        mine: runs that this worker has left unfinished, with the owner it left there.
    """
    journal = agent.journal
    alive = {run.id: run for run in await journal.runs(agent=agent.principal, status=("running", "waiting"))}
    unfinished = _by_run(await journal.actions_in(*UNFINISHED))
    questions = {question.action: question for question in await journal.open_questions()}
    errands: list[Errand] = []
    for run in alive.values():
        actions = unfinished.get(run.id, [])
        if _can_go_on(run, actions, questions, journal, mine) and run.frozen_by is None:
            errands.append(_errand(run, actions))
    for id in unfinished.keys() - alive.keys():
        errands += await _left_over(id, unfinished[id], questions, agent)
    return errands


def _can_go_on(
    run: RunRecord,
    actions: list[ActionRecord],
    questions: Mapping[str, QuestionRecord],
    journal: Journal,
    mine: Mapping[str, str | None],
) -> bool:
    if run.kind == "undo" and not (run.plan or {}).get("approved"):
        return False
    if run.status == "running":
        left_by_us = run.id in mine and mine[run.id] == run.owner
        return left_by_us or not journal.driven(run)
    return not actions or any(_is_due(action, questions, journal) for action in actions)


async def _left_over(
    id: str, actions: list[ActionRecord], questions: Mapping[str, QuestionRecord], agent: Agent
) -> list[Errand]:
    """Actions of a run that is over or stopped: kept back when it ended, or left in the middle."""
    run = await agent.journal.run(id)
    ready = [a for a in actions if a.state != "proposed" and _is_due(a, questions, agent.journal)]
    if not ready or run.agent != agent.principal or run.frozen_by is not None:
        return []
    return [_errand(run, ready, tuple(action.id for action in ready))]


def _is_due(action: ActionRecord, questions: Mapping[str, QuestionRecord], journal: Journal) -> bool:
    match action.state:
        case "held":
            return _passed(action.held_until, journal)
        case "started":
            return journal.abandoned(action)
        case "waiting":
            question = questions.get(action.id)
            return question is None or (question.expires_at is not None and _passed(question.expires_at, journal))
        case _:
            return True


def _errand(run: RunRecord, actions: Iterable[ActionRecord], only: tuple[str, ...] = ()) -> Errand:
    seen = tuple((a.id, a.state, a.digest, a.epoch, a.held_until) for a in actions)
    return Errand(run.id, only, run.owner, (run.status, *seen))


def _by_run(actions: Iterable[ActionRecord]) -> dict[str, list[ActionRecord]]:
    found: defaultdict[str, list[ActionRecord]] = defaultdict(list)
    for action in actions:
        found[action.run].append(action)
    return found


def _passed(time: datetime | None, journal: Journal) -> bool:
    return time is None or time <= journal.clock()
