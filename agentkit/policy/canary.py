"""Questions whose answer must be no, asked of the very engine that will decide.

Cedar is silent about three mistakes in its use, and each of them permits: it skips a forbid that meets an
error, it takes any request when it has no schema, and without the schema in its entities a group is empty.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeAlias

from agentkit.errors import InvalidPolicy
from agentkit.policy.schema import GROUPS, Schema
from agentkit.policy.values import sample

NOBODY: Final = "agentkit-canary"
"""An action that no schema has: no tool can be named so."""


class Answer(Protocol):
    """What the engine says to one request."""

    @property
    def permitted(self) -> bool:
        """Whether a rule permits it, none forbids it, and nothing went wrong."""
        ...

    @property
    def names(self) -> frozenset[str]:
        """The names (`@id`) of the rules that decided."""
        ...

    @property
    def error(self) -> str:
        """Why there is no decision; empty when there is one."""
        ...


class Engine(Protocol):
    """The policy, with the schema and the groups it decides by."""

    def answer(self, request: Mapping[str, Any]) -> Answer:
        """Decide one request."""
        ...

    def with_rules(self, text: str) -> "Engine":
        """The same schema and groups, and some rules more."""
        ...


Request: TypeAlias = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Makes a request from an action's name and a context."""


def sing(engine: Engine, schema: Schema, request: Request) -> None:
    """Ask them all.

    Raises:
        InvalidPolicy: an answer was not the one it must be.
    """
    trapped = engine.with_rules("\n".join(map(_trap, GROUPS)))
    for tool, kind in schema.tools.items():
        context = sample(kind.context) | {"approvals": 2}
        _expect_groups(trapped.answer(request(tool, context)), tool, kind.groups)
        _expect_error(engine.answer(request(tool, {})), f"a call of '{tool}' without its arguments")
    _expect_error(engine.answer(request(NOBODY, {})), "a call of a tool that does not exist")


def _trap(group: str) -> str:
    return f'@id("{NOBODY}.{group}") forbid (principal, action in Action::"{group}", resource);'


def _expect_groups(answer: Answer, tool: str, groups: frozenset[str]) -> None:
    """A rule about a group must catch its tools, and no others."""
    mine = (name for name in answer.names if name.startswith(f"{NOBODY}."))
    caught = frozenset(name.removeprefix(f"{NOBODY}.") for name in mine)
    if answer.permitted or caught != groups:
        raise InvalidPolicy(
            f"the policy engine takes '{tool}' for a member of {sorted(caught)}, and it is one of "
            f"{sorted(groups)}: rules about groups would not hold; refusing to run"
        )


def _expect_error(answer: Answer, request: str) -> None:
    if answer.permitted or not answer.error:
        raise InvalidPolicy(f"the policy engine decides {request}, and must find it invalid; refusing to run")
