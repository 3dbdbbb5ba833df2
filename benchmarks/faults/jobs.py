"""The two ways to do one call: down the road, and as a program does that only retries."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json
from tenacity import AsyncRetrying, stop_after_attempt

from agentkit import Agent
from agentkit.action import FINAL
from agentkit.call import Proposal
from agentkit.tool import Tool, ToolContext

Job = Callable[[], Awaitable[dict[str, Any]]]
RUN = "trial"
PATIENCE = 15.0
"""Seconds until what settles by itself must have settled."""


def on_the_road(tools: Sequence[Tool[..., Any]], proposal: Proposal[Any], journal: str) -> Job:
    """Act, or take up where a dead process left it; report how the action ended."""

    async def job() -> dict[str, Any]:
        async with _agent(tools, journal) as agent:
            began = time.monotonic()
            outcome = await agent.act(proposal, run=RUN)
            (action,) = await agent.journal.actions(RUN)
            end = asyncio.get_running_loop().time() + PATIENCE
            while outcome.status not in FINAL and asyncio.get_running_loop().time() < end:
                await asyncio.sleep(0.05)
                outcome = await agent.advance(action.id)
            ended = time.monotonic()
            return {"status": outcome.status, "reason": outcome.reason, "began": began, "ended": ended}

    return job


def taken_back_on_the_road(tools: Sequence[Tool[..., Any]], journal: str) -> Job:
    """Plan the undo of what was done, and carry it out."""

    async def job() -> dict[str, Any]:
        async with _agent(tools, journal) as agent:
            undone = await (await agent.undo_plan(RUN)).carry_out(by="benchmark")
            return {"status": undone.status, "reason": undone.reason}

    return job


def retried(tool: Tool[..., Any], proposal: Proposal[Any]) -> Job:
    """What a careful program does without a journal: each try is a new request, and tenacity tries again."""

    async def job() -> dict[str, Any]:
        arguments = tool.arguments.model_validate_json(to_json(proposal.arguments))
        keywords = {name: getattr(arguments, name) for name in type(arguments).model_fields}
        try:
            async for attempt in AsyncRetrying(stop=stop_after_attempt(5), reraise=True):
                with attempt:
                    await tool.function(_nobodys(), **keywords)
        except Exception as error:  # what the last try raised is all that such a program knows
            return {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
        return {"status": "done", "reason": ""}

    return job


def _nobodys() -> ToolContext:
    """The context of a call that nobody has written down: no try knows of another."""
    return ToolContext(
        run="naive", action=f"a-{secrets.token_hex(8)}", key=secrets.token_hex(32), started_at=datetime.now(UTC)
    )


def _agent(tools: Sequence[Tool[..., Any]], journal: str) -> Agent:
    return Agent(name="benchmark", tools=list(tools), policy="unsafe_allow_all", journal=journal)
