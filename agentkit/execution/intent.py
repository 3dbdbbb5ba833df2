"""What is written down about an effect before it happens: its key, and how to take it back."""

import hmac
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from agentkit.action import Action, Outcome
from agentkit.effects import Checkable, Compensable, Effect, ExactInverse, Findable
from agentkit.execution.context import RunContext
from agentkit.journal.claims import Intent
from agentkit.journal.records import ActionRecord

log = logging.getLogger("agentkit")


def intent_of(action: Action, run: RunContext, earlier: ActionRecord | None = None) -> Intent:
    """The intent of an attempt. The inverse is data, parameterised by our own key: no result is known yet.

    What an `earlier` attempt was made with, its key and what it found before its effect, stays, whatever has changed.
    """
    key = (earlier and earlier.key) or _new_key(action, run)
    effect = Effect(key, action.keywords(), None, earlier and earlier.before)
    quote = None
    if isinstance(action.tool.undo, Compensable) and action.tool.undo.quote:
        quote = action.tool.undo.quote(effect).as_data()
    return Intent(key, may_land(action), run.limits.lease, declared(action), inverse_of(action, effect), quote)


def _new_key(action: Action, run: RunContext) -> str:
    return hmac.digest(run.secret, f"{run.salt}:{action.id}:{action.digest}".encode(), "sha256").hex()


def declared(action: Action) -> dict[str, Any]:
    """What the tool promises about repetition; an attempt is judged by what was promised when it began."""
    tool = action.tool
    return {"repeat": type(tool.repeat).__name__, "marked": tool.marked, "version": tool.version}


def may_land(action: Action) -> timedelta:
    """How long from its start an attempt's effect may appear."""
    return action.tool.timeout + lands_after(action)


def lands_after(action: Action) -> timedelta:
    """How long after its end an attempt's effect may appear."""
    repeat = action.tool.repeat
    return repeat.may_land if isinstance(repeat, Checkable | Findable) else timedelta(0)


async def inverse_after(action: Action, outcome: Outcome[Any], run: RunContext) -> Mapping[str, Any] | None:
    """How to take back what did happen: now with the result. Empty: nothing has to be. None: what was stored stands."""
    if outcome.status not in ("done", "partial") or outcome.result is None:
        return None
    if not isinstance(action.tool.undo, ExactInverse | Compensable):
        return None
    record = await run.journal.action(action.id)
    try:
        result = action.tool.loaded(outcome.result)
        return inverse_of(action, Effect(record.key or "", action.keywords(), result, record.before)) or {}
    except Exception:  # The effect has happened and must be recorded; the inverse stored before it still stands.
        log.exception("the inverse of %s failed on its result; the one stored before the effect is kept", action.id)
        return None


def inverse_of(action: Action, effect: Effect[Any]) -> Mapping[str, Any] | None:
    """How to take the effect back, as data; None where nothing does."""
    match action.tool.undo:
        case ExactInverse(inverse):
            proposal = inverse(effect)
            return proposal.as_data() if proposal else None
        case Compensable(compensate=compensate):
            return compensate(effect).as_data()
        case _:
            return None
