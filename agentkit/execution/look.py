"""Looking at what became of an attempt that nobody is working on any more."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from agentkit.action import Action, Outcome
from agentkit.canonical import canonical
from agentkit.effects import Checkable, Findable, Idempotent, Keyed, ReadOnly
from agentkit.errors import ToolPartial
from agentkit.execution.context import RunContext
from agentkit.execution.intent import declared
from agentkit.execution.working import context_of, dumped
from agentkit.journal.records import ActionRecord

PROBE_AGAIN = timedelta(seconds=5)
"""How soon a server that could not be asked is asked again."""
GIVE_UP_PROBING = timedelta(hours=1)
"""How long after nothing can land any more a person is asked instead."""


@dataclass(frozen=True)
class Seen:
    """What looking showed.

    `happened`, in `part` only, or `nothing` did: all proven. `repeatable`: unknown, but sending the same again is
    safe. `open`: an effect may still appear. `unknown`: only a person can tell.
    """

    what: Literal["happened", "part", "nothing", "repeatable", "open", "unknown"]
    reason: str = ""
    result: Any = None
    until: datetime | None = None
    evidence: dict[str, Any] = field(default_factory=dict[str, Any])

    def unsettled(self) -> Outcome:
        """As a pending outcome."""
        return Outcome("unsettled", self.reason, until=self.until, evidence=self.evidence)

    def in_doubt(self, **evidence: Any) -> Outcome:
        """As an outcome that a person has to settle."""
        return Outcome("in_doubt", self.reason, evidence={**self.evidence, **evidence})


async def look(action: Action, record: ActionRecord, run: RunContext) -> Seen:
    """Find out what became of the last attempt, by the tool's declared means and no others."""
    if canonical(dict(action.data)).decode() != record.request or record.repeat != declared(action):
        return Seen("unknown", "the tool has changed since the attempt began, so its declarations say nothing about it")
    if action.tool.marked and not record.marked:
        return Seen("nothing", "the attempt ended before its point of no return")
    match action.tool.repeat:
        case ReadOnly() | Idempotent():
            return Seen("repeatable")
        case Keyed(retention):
            return _inside(retention, record, run)
        case Checkable() | Findable():
            return await _ask_the_world(action, record, run)
        case _:
            return Seen("unknown", "the tool has no key and no probe: nobody but a person can find out")


def _inside(retention: timedelta, record: ActionRecord, run: RunContext) -> Seen:
    if record.started_at and run.now() < record.started_at + retention:
        return Seen("repeatable")
    return Seen("unknown", f"the server forgets keys after {retention}, which is over: sending again could double it")


async def _ask_the_world(action: Action, record: ActionRecord, run: RunContext) -> Seen:
    """Found is proof at any time. Not found means something only when nothing can land any more."""
    repeat = action.tool.repeat
    assert isinstance(repeat, Checkable | Findable)
    lands = record.may_land_until or run.now()
    try:
        async with asyncio.timeout(action.tool.timeout.total_seconds()):
            found = await repeat.probe(context_of(action, record, run), **action.keywords())
    except ToolPartial as part:
        return Seen("part", str(part), dumped(action, part.result)[0])
    except Exception as error:  # Whatever kept the probe from answering, it is no answer.
        return _could_not_ask(error, lands, run)
    if found is not None:
        result, _ = dumped(action, found)
        return Seen("happened", "found in the world", result)
    if run.now() < lands:
        return Seen("open", "not there yet, and may still appear", until=lands)
    if isinstance(repeat, Checkable):
        return Seen("nothing", "not there, and nothing can appear any more")
    return Seen("unknown", "not found, which proves nothing", evidence={"searched_at": run.now().isoformat()})


def _could_not_ask(error: Exception, lands: datetime, run: RunContext) -> Seen:
    problem = f"{type(error).__name__}: {error}"
    if run.now() > lands + GIVE_UP_PROBING:
        return Seen("unknown", "the server could not be asked", evidence={"probe": problem})
    return Seen("open", f"the server could not be asked ({problem})", until=run.now() + PROBE_AGAIN)
