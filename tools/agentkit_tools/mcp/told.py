"""An outcome as an MCP client is told it: only what is done counts as a success."""

import json
from collections.abc import Mapping
from typing import Any, Final

from mcp_types import CallToolResult, TextContent

from agentkit.action import Outcome
from agentkit.errors import AgentkitError

NEXT: Final[Mapping[str, str]] = {
    "done": "",
    "refused": "It did not happen and will not. Do not call again with the same arguments.",
    "failed": "It provably did not happen. It may be called again.",
    "partial": "Only a part happened; `result` says which. Do not simply call again.",
    "in_doubt": "Nobody knows whether it happened. Do NOT call again: a person has to find out.",
    "waiting": "It has NOT happened. A person has to answer first, not through this connection. "
    "Ask `agentkit.outcome` with this action later; do not call again.",
    "held": "It has NOT happened yet: it is kept back until `until`, and can be cancelled till then. "
    "Ask `agentkit.outcome` with this action later; do not call again.",
    "unsettled": "It may have happened. Ask `agentkit.outcome` with this action after `until`; do not call again.",
    "unknown": "No call with this key has arrived, or not yet.",
    "claimed": "Another worker is at it. Ask `agentkit.outcome` with this action later; do not call again.",
}
"""What a client should do, by status."""


def told(action: str, run: str, outcome: Outcome[Any], questions: list[str]) -> CallToolResult:
    """The outcome as structured content, and the same in words for clients that read nothing else."""
    standing = {
        "status": outcome.status,
        "action": action,
        "run": run,
        "reason": outcome.reason,
        "next": NEXT[outcome.status],
        "questions": questions,
        "until": outcome.until.isoformat() if outcome.until else None,
        "result": outcome.result,
    }
    return _answer(standing, is_error=outcome.status != "done")


def never_heard_of(action: str, run: str) -> CallToolResult:
    """There is no action of that key."""
    standing = {"status": "unknown", "action": action, "run": run, "next": NEXT["unknown"], "result": None}
    return _answer(standing, is_error=True)


def error_told(error: AgentkitError) -> CallToolResult:
    """The road did not even get to an outcome: a limit is reached, the journal is away, or there is no such action."""
    text = f"{type(error).__name__}: {error}. If the same call is made again, give it the same io.agentkit/key."
    return CallToolResult(content=[TextContent(text=text)], is_error=True)


def _answer(standing: dict[str, Any], *, is_error: bool) -> CallToolResult:
    text = json.dumps({name: value for name, value in standing.items() if value not in ("", None, [])}, indent=1)
    return CallToolResult(content=[TextContent(text=text)], structured_content=standing, is_error=is_error)
