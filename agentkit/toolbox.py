"""The tools of an agent, by name; turns a proposed call into an action or says what is wrong with it."""

import difflib
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from agentkit.action import Action
from agentkit.call import ToolCall
from agentkit.canonical import digest
from agentkit.errors import InvalidTool, InvalidToolCall
from agentkit.tool import Tool

LARGEST = 1_000_000
"""Bytes of one call's arguments as JSON; larger things belong into files."""


class Toolbox:
    """The tools that exist for a run."""

    def __init__(self, tools: Iterable[Tool[..., Any]]) -> None:
        self._tools: dict[str, Tool[..., Any]] = {}
        for tool in tools:
            self._add(tool)

    def _add(self, tool: object) -> None:
        if not isinstance(tool, Tool):
            raise InvalidTool(f"{tool!r} is not a tool: decorate it with @tool('room.verb')")
        if tool.name in self._tools:
            raise InvalidTool(f"two tools are named '{tool.name}'; names must differ")
        self._tools[tool.name] = tool

    def __iter__(self) -> Iterator[Tool[..., Any]]:
        return iter(self._tools.values())

    def named(self, name: str) -> Tool[..., Any]:
        """The tool of that name.

        Raises:
            InvalidToolCall: there is none; the message lists what there is.
        """
        if name in self._tools:
            return self._tools[name]
        near = difflib.get_close_matches(name, self._tools, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise InvalidToolCall(f"no tool named '{name}'; there are {sorted(self._tools)}{hint}")

    def validate(self, call: ToolCall) -> Action:
        """Propose -> validate: the only way from a call to an action.

        Raises:
            InvalidToolCall: unknown tool, extra or wrongly typed arguments; nothing is coerced.
        """
        tool = self.named(call.tool)
        try:
            proposed = _read(tool, dict(call.arguments))
            data = proposed.model_dump(mode="json", by_alias=True)
            arguments = _read(tool, data)  # what is carried out comes from what is shown, and from nothing else
            if arguments != proposed:
                raise InvalidToolCall(f"{tool.name}: written as JSON and read again, the arguments are not the same")
            return Action(call.slot, tool, arguments, data, digest([tool.schema_digest, data]), call.undoes)
        except ValidationError as error:
            raise InvalidToolCall(f"{tool.name}: {_problems(error)}") from None
        except (TypeError, ValueError) as error:
            raise InvalidToolCall(f"{tool.name}: the arguments are not plain JSON: {error}") from None


def _read(tool: Tool[..., Any], data: dict[str, Any]) -> BaseModel:
    """Strict and closed all the way down, whatever the models within the arguments would let through."""
    spelled = to_json(data, inf_nan_mode="constants")
    if len(spelled) > LARGEST:
        raise InvalidToolCall(f"{tool.name}: the arguments have {len(spelled)} bytes, more than {LARGEST}; send less")
    return tool.arguments.model_validate_json(spelled, strict=True, extra="forbid")


def _problems(error: ValidationError) -> str:
    """One line a problem, naming the field: what a model can act on."""
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'arguments'}: {problem['msg']}"
        + ("" if problem["type"] in ("missing", "extra_forbidden") else f" (got {str(problem['input'])[:80]!r})")
        for problem in error.errors(include_url=False)
    )
