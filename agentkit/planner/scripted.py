"""A model that follows a script: for tests, demos and dry runs. It sees only what a real one would see."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from pydantic import BaseModel

from agentkit.call import Proposal
from agentkit.errors import DeveloperMistake
from agentkit.planner.conversation import Conversation, Price, ProposedCall, Reply
from agentkit.tool import Tool

Line: TypeAlias = "str | BaseModel | Proposal[Any] | list[Proposal[Any]] | Reply"
"""The final answer (as text or in the output type), one call, several calls at once, or a reply in full."""

Script: TypeAlias = "Sequence[Line | Callable[[Conversation], Line]] | Callable[[Conversation], Line]"


class ScriptedModel:
    """Says one line a turn: a fixed one, or one computed from the conversation so far.

    A script is either a sequence of lines or one function of the conversation. Functions must depend on the
    conversation alone, so that a resumed run hears the same again.
    """

    def __init__(self, script: Script, name: str = "scripted") -> None:
        self.name = name
        self.price: Price | None = Price(Decimal(0), Decimal(0))
        self._script = script

    async def reply(self, conversation: Conversation, tools: Sequence[Tool[..., Any]]) -> Reply:
        """The next line of the script."""
        line: Any = self._script
        if not callable(line):
            line = self._line_of_turn(len(conversation.exchanges))
        said: Any = line(conversation) if callable(line) else line
        return _as_reply(said)

    def _line_of_turn(self, turn: int) -> Any:
        lines: Any = self._script
        if turn >= len(lines):
            raise DeveloperMistake(f"the script has {len(lines)} lines, and the run wants line {turn + 1}")
        return lines[turn]


def _as_reply(line: Line) -> Reply:
    match line:
        case Reply():
            return line
        case str():
            return Reply(line)
        case Proposal():
            return Reply("", (ProposedCall(line.tool, line.arguments, "call-0"),))
        case BaseModel():
            return Reply(line.model_dump_json())
        case list():
            calls = [ProposedCall(p.tool, p.arguments, f"call-{n}") for n, p in enumerate(line)]
            return Reply("", tuple(calls))
        case _:
            raise DeveloperMistake(f"a line of a script is text, a proposal, a list of them or an answer, not {line!r}")
