"""What an approver sees of an action: rendered by us from the validated arguments, never by the agent."""

import unicodedata
from typing import Any

from agentkit.action import Action
from agentkit.decision import Decision
from agentkit.effects import Compensable, Delayable, ExactInverse, Undo


def shown_for(action: Action, decision: Decision) -> dict[str, Any]:
    """The facts of a question, as JSON: what, why, and how to take it back. The journal adds where values came from."""
    return {
        "tool": action.tool.name,
        "does": action.tool.description.partition("\n")[0],
        "arguments": dict(action.data),
        "undo": undo_in_words(action.tool.undo),
        "rule": decision.rule,
        "reason": decision.reason,
        "undoes": action.undoes,
    }


def undo_in_words(undo: Undo) -> str:
    """How an action of this kind is taken back."""
    match undo:
        case ExactInverse():
            return "can be restored exactly, as long as nobody changes it meanwhile"
        case Compensable():
            return "can be compensated (a cost and a deadline may apply; they are quoted first)"
        case Delayable(hold):
            return f"is kept back for {hold.total_seconds():g} s and can be cancelled till then; after that it stays"
        case _:
            return "cannot be undone"


def visible(text: str) -> str:
    """The text with control, invisible and direction-changing characters spelled out."""
    return "".join(_spelled(character) for character in text)


def _spelled(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp"):
        return character
    return f"⟨U+{ord(character):04X}⟩"
