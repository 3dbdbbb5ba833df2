"""What you say about a tool of somebody else's server, because the server cannot be believed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar

from agentkit.effects import (
    Blind,
    Checkable,
    Compensable,
    Effect,
    ExactInverse,
    Findable,
    Irreversible,
    Probe,
    Repeat,
    Undo,
)
from agentkit.errors import InvalidTool
from agentkit.label import Bound, Content, Destination, Handle, Marker
from agentkit.tool import ToolContext
from agentkit_tools.mcp.answer import Answer
from agentkit_tools.mcp.connection import Connection
from agentkit_tools.mcp.exported import Exported

T = TypeVar("T")


@dataclass(frozen=True)
class Declaration:
    """The two declarations of a tool, and the marks of its arguments and its result.

    A probe is called with the context and the arguments by name and returns an `Answer` or None; an inverse gets an
    `Effect` whose `arguments` are by name and whose `result` is an `Answer`.
    """

    repeat: Repeat | Exported = field(default_factory=Blind)
    undo: Undo = field(default_factory=Irreversible)
    bound: Sequence[str] = ()
    content: Sequence[str] = ()
    destination: Sequence[str] = ()
    handles: Sequence[str] = ()
    """Dotted paths in the structured content whose values the server made: `id`, `items.*.id`."""
    key_argument: str | None = None
    """The argument by which the server deduplicates: agentkit fills in its key, and no model sees it."""
    did_nothing: Callable[[Answer], bool] | None = None
    """Whether an error answer proves that nothing happened. Without it, none does."""
    timeout: timedelta = timedelta(seconds=60)

    def markers(self, properties: Sequence[str]) -> dict[str, Marker]:
        """The marks by argument.

        Raises:
            InvalidTool: an argument that the tool does not have.
        """
        marks = {**dict.fromkeys(self.bound, Bound), **dict.fromkeys(self.content, Content)}
        marks |= dict.fromkeys(self.destination, Destination)
        named = [*marks, *([self.key_argument] if self.key_argument else [])]
        if unknown := [name for name in named if name not in properties]:
            raise InvalidTool(f"there is no argument '{unknown[0]}'; there are {sorted(properties)}")
        return marks

    def result_markers(self) -> dict[str, Marker]:
        """The marks by path in the `Answer`."""
        return {f"structured.{path}": Handle for path in self.handles}

    def marked_repeat(self, connection: Connection) -> Repeat:
        """As declared, and marked: an imported tool calls the point of no return just before it sends anything."""
        match self.repeat:
            case Exported():
                return self.repeat.asking(connection)
            case Checkable() | Findable():
                return replace(self.repeat, probe=_by_name(self.repeat.probe), marked=True)
            case Blind():
                return Blind(marked=True)
            case _:
                return self.repeat

    def named_undo(self) -> Undo:
        """As declared, and called with the arguments by name."""
        match self.undo:
            case ExactInverse(inverse):
                return replace(self.undo, inverse=_of_named(inverse))
            case Compensable(compensate, quote):
                quoting = _of_named(quote) if quote else None
                return replace(self.undo, compensate=_of_named(compensate), quote=quoting)
            case _:
                return self.undo


def _by_name(probe: Probe) -> Probe:
    async def named(ctx: ToolContext, root: dict[str, Any]) -> Any:
        return await probe(ctx, **root)

    return named


def _of_named(make: Callable[[Effect[Any]], T]) -> Callable[[Effect[Any]], T]:
    return lambda effect: make(replace(effect, arguments=effect.arguments["root"]))
