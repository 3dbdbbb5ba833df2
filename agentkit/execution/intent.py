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

log = logging.getLogger("agentkit")


def intent_of(action: Action, run: RunContext, key: str | None = None) -> Intent:
    """The intent of an attempt. The inverse is data, parameterised by our own key: no result is known yet.

    `key` is the one that an earlier attempt was made with, if there was one: it stays, whatever has changed since.
    """
    key = key or hmac.digest(run.secret, f"{run.salt}:{action.id}:{action.digest}".encode(), "sha256").hex()
    effect = Effect(key, action.keywords(), None)
    quote = None
    if isinstance(action.tool.undo, Compensable) and action.tool.undo.quote:
        quote = action.tool.undo.quote(effect).as_data()
    return Intent(key, may_land(action), run.limits.lease, declared(action), _inverse(action, effect), quote)


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
    """How to take back what did happen: now with the result. None: what was stored before stands."""
    if outcome.status not in ("done", "partial") or outcome.result is None:
        return None
    if not isinstance(action.tool.undo, ExactInverse | Compensable):
        return None
    record = await run.journal.action(action.id)
    try:
        result = action.tool.loaded(outcome.result)
        return _inverse(action, Effect(record.key or "", action.keywords(), result))
    except Exception:  # The effect has happened and must be recorded; the inverse stored before it still stands.
        log.exception("the inverse of %s failed on its result; the one stored before the effect is kept", action.id)
        return None


def _inverse(action: Action, effect: Effect[Any]) -> Mapping[str, Any] | None:
    match action.tool.undo:
        case ExactInverse(inverse):
            return inverse(effect).as_data()
        case Compensable(compensate=compensate):
            return compensate(effect).as_data()
        case _:
            return None
