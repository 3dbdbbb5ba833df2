"""What an approver sees of an action: rendered by us from the validated arguments, never by the agent."""

import unicodedata
from typing import Any

from agentkit.action import Action
from agentkit.decision import Decision
from agentkit.effects import Compensable, Delayable, ExactInverse, Undo

IGNORABLE = (
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
"""Unicode's Default_Ignorable_Code_Point: nothing is drawn for them, whatever their category."""
BLANK_BRAILLE = "\u2800"
INVISIBLE = frozenset(("Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"))
"""Categories of which nothing can be seen, or no more than a blank."""


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
    """The text with control, invisible and direction-changing characters, and blanks but the usual, spelled out."""
    return "".join(_spelled(character) for character in text)


def _spelled(character: str) -> str:
    if " " <= character <= "~" or character in "\n\t":
        return character
    return f"⟨U+{ord(character):04X}⟩" if _is_invisible(character) else character


def _is_invisible(character: str) -> bool:
    if character == BLANK_BRAILLE or unicodedata.category(character) in INVISIBLE:
        return True
    return any(first <= ord(character) <= last for first, last in IGNORABLE)
