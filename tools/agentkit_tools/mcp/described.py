"""A tool as an MCP client is told about it: hints that never make it look safer than it is, and what is exact."""

from typing import Any, Final

from mcp_types import Tool as Described
from mcp_types import ToolAnnotations

from agentkit.effects import (
    Blind,
    Checkable,
    Compensable,
    Delayable,
    ExactInverse,
    Findable,
    Idempotent,
    Irreversible,
    Keyed,
    Undo,
)
from agentkit.tool import ToolSource

OUTCOME: Final = "agentkit.outcome"
META: Final = "io.agentkit/"
STATUSES: Final = [
    "done", "refused", "failed", "partial", "in_doubt", "waiting", "held", "unsettled", "claimed", "unknown",
]  # fmt: skip


def described(tool: ToolSource) -> Described:
    """Name, schemas, hints, and in `_meta` the exact declarations."""
    return Described(
        name=tool.name,
        description=tool.description,
        input_schema=tool.arguments.model_json_schema(),
        output_schema=_envelope(tool.result.json_schema(mode="serialization")),
        annotations=hints(tool),
        _meta=_declarations(tool),
    )


def outcome_tool() -> Described:
    """By which a client asks later how an action went."""
    return Described(
        name=OUTCOME,
        description="How an earlier call stands now: done, still waiting for a person, refused. It starts nothing new.",
        input_schema={
            "type": "object",
            "properties": {
                "action": {"type": "string", "description": "The `action` of an earlier call."},
                "key": {"type": "string", "description": "Or the `io.agentkit/key` that it was called with."},
            },
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
        },
        output_schema=_envelope({}),
        # An action that a person has approved meanwhile happens now: asking is not quite reading.
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True),
    )


def hints(tool: ToolSource) -> ToolAnnotations:
    """Stricter than the protocol's wording: what nothing takes back exactly counts as destructive."""
    if tool.read_only:
        return ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True)
    again = isinstance(tool.repeat, Idempotent | Keyed | Checkable) and not isinstance(tool.undo, Irreversible)
    restores = isinstance(tool.undo, ExactInverse)
    return ToolAnnotations(read_only_hint=False, destructive_hint=not restores, idempotent_hint=again)


def _declarations(tool: ToolSource) -> dict[str, Any]:
    """What hints cannot say. Durations in seconds."""
    exact: dict[str, Any] = {
        "repeat": type(tool.repeat).__name__,
        "undo": type(tool.undo).__name__,
        "declared": tool.declared,
        "version": tool.version,
        "arguments": {name: marker.name for name, marker in tool.argument_markers.items()},
    }
    match tool.repeat:
        case Keyed(retention):
            exact["retention_seconds"] = retention.total_seconds()
        case Checkable() | Findable():
            exact["may_land_seconds"] = tool.repeat.may_land.total_seconds()
        case Blind():
            exact["marked"] = tool.marked
        case _:
            pass
    return {META + name: value for name, value in (exact | _undo(tool.undo)).items()}


def _undo(undo: Undo) -> dict[str, Any]:
    match undo:
        case Delayable(hold):
            return {"hold_seconds": hold.total_seconds()}
        case ExactInverse(within=within) if within:
            return {"within_seconds": within.total_seconds()}
        case Compensable(quote=quote, limit=limit):
            return {"quoted": quote is not None, "limit": limit}
        case _:
            return {}


def _envelope(result: dict[str, Any]) -> dict[str, Any]:
    """What a call answers: where the action stands, and the tool's own result once there is one."""
    inner = {word: value for word, value in result.items() if word != "$defs"}
    definitions = {"$defs": result["$defs"]} if "$defs" in result else {}
    text: dict[str, Any] = {"type": "string"}
    return definitions | {
        "type": "object",
        "properties": {
            "status": {"enum": STATUSES},
            "action": text,
            "run": text,
            "reason": text,
            "next": text,
            "questions": {"type": "array", "items": text},
            "until": {"type": ["string", "null"]},
            "result": {"anyOf": [inner, {"type": "null"}]},
        },
        "required": ["status", "action", "run", "result"],
    }
