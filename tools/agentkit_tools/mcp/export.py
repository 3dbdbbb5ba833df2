"""An agent's tools for any MCP client: each call goes down the road, and its outcome comes back as it is."""

import asyncio
import weakref
from typing import Any, Final

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
)

from agentkit.action import Outcome
from agentkit.agent import Agent
from agentkit.call import Proposal, Slot
from agentkit.canonical import digest
from agentkit.errors import AgentkitError, InvalidTool, InvalidToolCall, NotFound
from agentkit.execution.forward import call_of
from agentkit.journal.ledger import new_id
from agentkit_tools.mcp.described import OUTCOME, described, outcome_tool
from agentkit_tools.mcp.told import error_told, never_heard_of, told

KEY: Final = "io.agentkit/key"
"""In the `_meta` of a call: two calls with one key are one action, whatever happened to the first."""
LONGEST_KEY: Final = 200
RUN: Final = "r-mcp"
"""Begins the name of every run that a client has started; it is told about no others."""


class McpExport:
    """The tools of an open agent as an MCP server. Nothing in it can answer a question: people do, elsewhere.

    A client that repeats a call gives both the same `io.agentkit/key` in `_meta`; without one, each call is an action
    of its own.
    """

    def __init__(self, agent: Agent) -> None:
        if any(tool.name == OUTCOME for tool in agent.toolbox):
            raise InvalidTool(f"a tool called '{OUTCOME}' cannot be exported: clients ask by that name; rename it")
        self._agent = agent
        self._turns: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self.server: Server[dict[str, Any]] = Server(
            agent.name, version="1", on_list_tools=self._list, on_call_tool=self._call
        )
        """As the SDK has it; `server.streamable_http_app()` serves it over HTTP, and who may call is then up to you."""

    async def serve(self) -> None:
        """Serve standard input and output until the client goes."""
        async with stdio_server() as (read, write):
            await self.server.run(read, write, self.server.create_initialization_options())

    async def _list(self, _: ServerRequestContext[Any], __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[*(described(tool) for tool in self._agent.toolbox), outcome_tool()])

    async def _call(self, _: ServerRequestContext[Any], params: CallToolRequestParams) -> CallToolResult:
        arguments = dict(params.arguments or {})
        try:
            if params.name == OUTCOME:
                return await self._outcome(arguments)
            return await self._perform(Proposal(params.name, arguments), _key(params))
        except AgentkitError as error:
            return error_told(error)

    async def _perform(self, proposal: Proposal[Any], key: str | None) -> CallToolResult:
        self._known(proposal.tool)
        slot = self._slot(key) if key else Slot(new_id(RUN), 0, 0)
        run = slot.run
        turn = self._turns.setdefault(run, asyncio.Lock())  # lives as long as somebody holds it
        async with turn:
            outcome = await self._begun(proposal, slot) or await self._agent.act(proposal, run=run)
        return await self._told(slot.action_id, outcome)

    def _slot(self, key: str) -> Slot:
        return Slot(f"{RUN}-{digest([self._agent.principal, key])[:16]}", 0, 0)

    async def _begun(self, proposal: Proposal[Any], slot: Slot) -> Outcome | None:
        """How the action of this key stands, taken as far as it can go now; None if there is none yet."""
        try:
            record = await self._agent.journal.action(slot.action_id)
        except NotFound:
            return None
        if call_of(record).fingerprint != proposal.at(slot).fingerprint:
            raise MCPError(INVALID_PARAMS, f"this {KEY} was used for another call; take a new one for a new call")
        return await self._forward(record.id, record.run)

    async def _outcome(self, arguments: dict[str, Any]) -> CallToolResult:
        match arguments:
            case {"action": str(id)} if len(arguments) == 1:
                return await self._standing(id)
            case {"key": str(key)} if len(arguments) == 1:
                return await self._of_key(self._slot(key))
            case _:
                words = "the 'action' of an earlier call, or the 'key' that it was called with"
                raise MCPError(INVALID_PARAMS, f"{OUTCOME} takes one argument: {words}")

    async def _of_key(self, slot: Slot) -> CallToolResult:
        try:
            return await self._standing(slot.action_id)
        except NotFound:
            return never_heard_of(slot.action_id, slot.run)

    async def _standing(self, action: str) -> CallToolResult:
        record = await self._agent.journal.action(action)
        if not record.run.startswith(f"{RUN}-"):
            raise NotFound(f"no call of an MCP client has begun the action {action}")
        return await self._told(action, await self._forward(action, record.run))

    async def _forward(self, action: str, run: str) -> Outcome:
        outcome = await self._agent.advance(action)
        await self._agent.resume(run)  # the run says where it stands, too
        return outcome

    async def _told(self, action: str, outcome: Outcome) -> CallToolResult:
        record = await self._agent.journal.action(action)
        questions = [each.id for each in await self._agent.journal.open_questions(record.run) if each.action == action]
        return told(action, record.run, outcome, questions)

    def _known(self, tool: str) -> None:
        try:
            self._agent.toolbox.named(tool)
        except InvalidToolCall as unknown:
            raise MCPError(INVALID_PARAMS, str(unknown)) from None


def _key(params: CallToolRequestParams) -> str | None:
    key = dict(params.meta or {}).get(KEY)
    if key is None or (isinstance(key, str) and 0 < len(key) <= LONGEST_KEY):
        return key
    raise MCPError(INVALID_PARAMS, f"{KEY} must be a text of 1 to {LONGEST_KEY} characters")
