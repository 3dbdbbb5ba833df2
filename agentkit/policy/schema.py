"""The words a policy may use: one Cedar action per tool, the groups it is in, and what a request tells."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agentkit.action import Action
from agentkit.effects import Blind, Compensable, Irreversible
from agentkit.policy.facts import Facts
from agentkit.policy.shapes import Field, Record, Scalar, declaration, shape_of
from agentkit.policy.values import told
from agentkit.tool import ToolSource

GROUPS: Final = ("read", "write", "reversible", "compensable", "irreversible", "blind", "undeclared")
"""Every tool reads or writes. A write is one of the next three, and may be blind and undeclared as well."""
ENTITIES: Final = ("Agent", "Run")
"""The principal is an Agent, the resource a Run."""


@dataclass(frozen=True)
class Kind:
    """A tool as policies see it."""

    groups: frozenset[str]
    context: Record
    """What a request for it tells: the facts, and the arguments under `args`."""


@dataclass(frozen=True)
class Schema:
    """The tools a policy decides about. A policy that uses any other word does not load."""

    tools: Mapping[str, Kind]

    @staticmethod
    def of(tools: Iterable[ToolSource]) -> "Schema":
        """Generate it from the tools' declarations and signatures."""
        return Schema({tool.name: Kind(groups_of(tool), _context(tool)) for tool in tools})

    def as_data(self) -> dict[str, Any]:
        """In Cedar's JSON schema format."""
        groups: dict[str, Any] = {group: {} for group in GROUPS}
        tools = {name: _action(kind) for name, kind in self.tools.items()}
        return {"": {"entityTypes": {entity: {} for entity in ENTITIES}, "actions": groups | tools}}

    def members(self, word: str) -> list[str]:
        """The tools that a group's or a tool's name stands for."""
        return [name for name, kind in self.tools.items() if word == name or word in kind.groups]


def groups_of(tool: ToolSource) -> frozenset[str]:
    """By its declarations alone; a tool that declares nothing is in the strictest groups."""
    if tool.read_only:
        return frozenset({"read"})
    blind = {"blind"} if isinstance(tool.repeat, Blind) else set[str]()
    undeclared = set[str]() if tool.declared else {"undeclared"}
    return frozenset({"write", _reversibility(tool)} | blind | undeclared)


def context_of(action: Action, facts: Facts, kind: Kind) -> dict[str, Any]:
    """What a request tells about this action, as Cedar reads it.

    Raises:
        Inexpressible: an argument cannot be told exactly.
    """
    known = {"approvals": facts.approvals, "undoes": facts.undoes, "repeats": facts.repeats}
    return told(kind.context, known | {"args": action.data}, "")


def _reversibility(tool: ToolSource) -> str:
    if isinstance(tool.undo, Irreversible):
        return "irreversible"
    return "compensable" if isinstance(tool.undo, Compensable) else "reversible"


def _context(tool: ToolSource) -> Record:
    return Record(
        {
            "approvals": Field(Scalar.LONG),
            "undoes": Field(Scalar.BOOL),
            "repeats": Field(Scalar.LONG),
            "args": Field(shape_of(tool.arguments)),
        }
    )


def _action(kind: Kind) -> dict[str, Any]:
    return {
        "memberOf": [{"id": group} for group in sorted(kind.groups)],
        "appliesTo": {
            "principalTypes": ["Agent"],
            "resourceTypes": ["Run"],
            "context": declaration(kind.context),
        },
    }
