"""Who answers: names that can be told apart, and that are not an agent's."""

import unicodedata

from agentkit.errors import ConsentRefused

AGENT = "agent:"
"""Principals of agents begin with it; no person's name does."""


def named(by: object) -> str:
    """The name as it is written down.

    Raises:
        ConsentRefused: empty, with invisible characters, or an agent's.
    """
    if not isinstance(by, str) or not by.strip():
        raise ConsentRefused("an answer needs a name: say who answers (by=...)")
    name = unicodedata.normalize("NFKC", by).strip()
    if not name.isprintable():
        raise ConsentRefused(f"{by!a} has invisible characters; write the name without them")
    if name.casefold().startswith(AGENT):
        raise ConsentRefused(f"{name} is an agent; a person has to answer")
    return name


def same(one: str, other: str) -> bool:
    """Whether two names are one person's."""
    return one.casefold() == other.casefold()
