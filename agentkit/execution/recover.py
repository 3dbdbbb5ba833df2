"""Recovery: an action was begun, and whoever began it is gone."""

from agentkit.action import Action, Outcome
from agentkit.execution.context import RunContext
from agentkit.execution.execute import execute
from agentkit.execution.intent import intent_of, lands_after
from agentkit.execution.look import Seen, look
from agentkit.journal.records import ActionRecord

MOST_ATTEMPTS = 5
"""After so many deaths in the same action, a person looks at it before anybody tries again."""


async def recover(action: Action, known: ActionRecord, run: RunContext) -> Outcome:
    """Find out what became of a started action, and carry it on where that is safe."""
    taken = await run.journal.take_over(known, run.owner, run.limits.lease, lands_after(action))
    if taken is None and known.again_at:
        return Outcome("unsettled", "will be looked at again", until=known.again_at)
    if taken is None:
        return Outcome("claimed", "another worker has it", until=known.lease_until)
    seen = await look(action, taken, run)
    match seen.what:
        case "happened":
            return Outcome("done", seen.reason, seen.result)
        case "part":
            return Outcome("partial", seen.reason, seen.result)
        case "nothing" | "repeatable":
            return await _again(action, taken, seen, run)
        case "open":
            await run.journal.let_go(taken, run.owner, again_at=seen.until, reason=seen.reason)
            return seen.unsettled()
        case "unknown":
            return seen.in_doubt()


async def _again(action: Action, taken: ActionRecord, seen: Seen, run: RunContext) -> Outcome:
    if taken.attempts >= MOST_ATTEMPTS:
        reason = f"{taken.attempts} attempts died in it"
        return Outcome("failed", reason) if seen.what == "nothing" else Outcome("in_doubt", reason)
    claimed = await run.journal.claim_again(taken, intent_of(action, run, taken), run.owner)
    if claimed is None:
        return Outcome("claimed", "another worker has it")
    return await execute(action, claimed, run, in_question=seen.what == "repeatable")
