"""Tools of another agent, exported by agentkit: it keeps one action per key, and says how that stands."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from mcp.shared.exceptions import MCPError

from agentkit.approval.shown import visible
from agentkit.effects import Checkable
from agentkit.errors import ToolFailed, ToolPartial
from agentkit.tool import ToolContext
from agentkit_tools.mcp.answer import Answer, ErrorAnswer
from agentkit_tools.mcp.connection import Connection
from agentkit_tools.mcp.described import OUTCOME

NOTHING: Final = frozenset({"refused", "failed"})
"""Final there, and proof: the other agent keeps one action per key, so no attempt of ours ever did anything."""


class NotOverThere(Exception):
    """The other agent does not say how it ended: the action waits, is held back or in doubt, or is not known there."""


@dataclass(frozen=True)
class Exported:
    """A tool of a server that is an export of agentkit, and that you trust to be one.

    It should keep its journal in a file. That it does not know a call proves nothing, because it may be asked after it
    was started again with an empty journal, or with another one: such a call ends in doubt, and is not sent again.

    While the action waits over there, ours is unsettled and asks every few seconds, for an hour after `may_land`;
    then it is in doubt, with the other agent's last words as evidence.
    """

    may_land: timedelta = timedelta(minutes=1)
    """How long after a broken line the call may still arrive there."""

    def asking(self, connection: Connection) -> Checkable:
        """The declaration on our side: the other agent's journal can be asked."""

        async def probe(ctx: ToolContext, root: dict[str, Any]) -> Answer | None:
            await connection.listed()  # takes the line up again where it broke
            try:
                return standing(Answer.of(await connection.call(OUTCOME, {"key": ctx.key}, ctx.key)))
            except MCPError as error:
                raise NotOverThere(f"it answers with error {error.code}: {visible(error.message)[:2000]}") from error

        return Checkable(probe, may_land=self.may_land, marked=True)


def standing(answer: Answer) -> Answer | None:
    """What is done there; None if it is known there, and did nothing and never will.

    Raises:
        ToolPartial: a part of it happened there.
        NotOverThere: it may still happen, or nobody knows; or it is not known there, which proves nothing.
    """
    match _status(answer):
        case "done":
            return answer
        case status if status in NOTHING:
            return None
        case "unknown":
            raise NotOverThere("the other agent knows no such call; it may have another journal than when it was sent")
        case "partial":
            raise ToolPartial(_words(answer), answer)
        case _:
            raise NotOverThere(_words(answer))


def ended(answer: Answer) -> Exception:
    """What an answer that is not a success proves."""
    status = _status(answer)
    if status in NOTHING:
        return ToolFailed(_words(answer), ever=True)
    return ToolPartial(_words(answer), answer) if status == "partial" else ErrorAnswer(_words(answer))


def _status(answer: Answer) -> str:
    match answer.structured:
        case {"status": str(status)}:
            return status
        case _:
            return ""


def _words(answer: Answer) -> str:
    """What a person needs to look there: the status, the action and its questions."""
    match answer.structured:
        case {"status": str(status), "action": str(action), "reason": reason, "questions": questions}:
            return visible(f"the other agent says: {status}, action {action}, questions {questions}: {reason}")[:2000]
        case _:
            return visible(f"the other agent says: {answer.text}")[:2000]
