"""Places in a policy's text. Cedar's parser says what is wrong, and not where."""

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

Complaint: TypeAlias = Callable[[str], str | None]
"""What the parser says about a text; None when it parses."""

_TOKEN = re.compile(
    r"""
    (?P<gap>\s+ | //[^\n]*)
    | "(?:\\.|[^"\\])*" | \w+ | :: | && | \|\| | [=!<>]= | .
    """,
    re.VERBOSE | re.DOTALL,
)
_UNFINISHED = "unexpected end of input"
_SYNTAX = re.compile(r"unexpected end of input|invalid token|unexpected token `(?P<token>.*)`", re.DOTALL)


class Token(NamedTuple):
    """A word of the text, with where it starts and ends."""

    text: str
    start: int
    end: int


def statements(text: str) -> list[list[Token]]:
    """The words of each rule, from its first annotation to its semicolon, in the order of Cedar's numbers."""
    found: list[list[Token]] = [[]]
    for match in _TOKEN.finditer(text):
        if match["gap"] is None:
            found[-1].append(Token(match[0], match.start(), match.end()))
            if match[0] == ";":
                found.append([])
    return [statement for statement in found if statement]


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column, counted from 1."""
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1


def find_fault(text: str, complaint: Complaint) -> tuple[int, str]:
    """The offset of what the parser complains about first, and the complaint; `text` must not parse."""
    for statement in statements(text):
        said = complaint(text[statement[0].start : statement[-1].end])
        if said:
            return _offset(text, statement, said, complaint), said
    return 0, complaint(text) or "it does not parse"


def _offset(text: str, statement: list[Token], said: str, complaint: Complaint) -> int:
    syntax = _SYNTAX.fullmatch(said)
    if not syntax:
        return _quoted(statement, said).start
    seen = statement[: _readable(text, statement, complaint) + 1]
    if said == _UNFINISHED:
        return statement[-1].end
    return next((token.start for token in reversed(seen) if token.text == syntax["token"]), seen[-1].start)


def _readable(text: str, statement: list[Token], complaint: Complaint) -> int:
    """How many words the parser reads before it sees that no continuation can mend them."""
    for count, token in enumerate(statement):
        if complaint(text[statement[0].start : token.end]) != _UNFINISHED:
            return count
    return len(statement) - 1


def _quoted(statement: list[Token], said: str) -> Token:
    """The longest word of the rule that the complaint mentions, else the first."""
    words = set(re.findall(r"\w+|\"[^\"]*\"", said))
    mentioned = [token for token in statement if token.text in words and token.text not in _COMMON]
    return max(mentioned, key=lambda token: len(token.text), default=statement[0])


_COMMON = frozenset({"is", "in", "like", "has", "if", "then", "else", "when", "unless", "the", "a"})
