"""Settling a doubt: a person found out what nobody else could."""

from typing import Any

from agentkit.action import Outcome
from agentkit.journal.journal import Journal
from agentkit.journal.person import named


async def settle(
    journal: Journal, action: str, *, happened: bool, by: str, note: str = "", result: Any = None
) -> Outcome:
    """Record whether an action in doubt happened. The run then goes on with it as `done` or `failed`.

    Args:
        journal: where the action stands.
        action: the action's id.
        happened: what the person found.
        by: who found it.
        note: how they found it.
        result: what the tool would have returned, as JSON, if it is known.

    Raises:
        NotFound: no such action, or it is not in doubt.
        ConsentRefused: the agent itself cannot settle.
    """
    by = named(by)
    found = "it happened" if happened else "it did not happen"
    reason = f"{by} found that {found}" + (f": {note}" if note else "")
    outcome = Outcome("done" if happened else "failed", reason, result, evidence={"settled_by": by})
    await journal.settle(action, outcome, by, "asserted")
    return outcome
