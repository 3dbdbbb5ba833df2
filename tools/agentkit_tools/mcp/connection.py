"""The line to an MCP server: a process that we start and end, or a URL. Taken up again when it breaks."""

import asyncio
import contextlib
import os
import re
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import IO, Any, Final, Protocol, cast
from urllib.parse import urlsplit

import httpx2
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import (
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    RequestParamsMeta,
    Tool,
)
from pydantic import TypeAdapter

from agentkit.approval.shown import visible
from agentkit.errors import ToolFailed
from agentkit_tools.mcp.answer import InputWanted

KEY: Final = "io.agentkit/key"
"""In the `_meta` of a call: the same at every attempt of one action, unlike that of any other."""
PATIENCE: Final = 30.0
"""Seconds for a server to start, and for it to list its tools."""
PAGES: Final = 100
_QUERY: Final = re.compile(r"(https?://[^\s?'\"]*)\?[^\s'\"]*")
"""Where tokens are that nobody should have put there."""
_RESULT: Final[TypeAdapter[CallToolResult | InputRequiredResult]] = TypeAdapter(CallToolResult | InputRequiredResult)


class Unreachable(Exception):
    """The server cannot be started or reached, or does not speak the protocol."""


class Line(Protocol):
    """How a server is reached: what names it in a pin file, and how to open the line once."""

    @property
    def words(self) -> Sequence[str]:
        """The command, or the URL without its query."""
        ...

    @property
    def shown(self) -> str:
        """What may be shown of it to anybody."""
        ...

    def open(self) -> AbstractAsyncContextManager[Any]:
        """The two streams of the protocol."""
        ...

    def said(self) -> str:
        """The end of what it wrote to its standard error."""
        ...


class Process:
    """A server that we start. It gets our PATH, HOME and the like, and of our other variables only those given."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], folder: Path | None) -> None:
        self.words = list(command)
        program, *arguments = command
        self.shown = program
        self._parameters = StdioServerParameters(command=program, args=arguments, env=dict(env), cwd=folder)
        self._errors: IO[bytes] | None = None
        self._said = ""

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncGenerator[Any]:
        """Start it. When the line is closed it has ended, if need be by force."""
        with tempfile.TemporaryFile() as self._errors:
            try:
                async with stdio_client(self._parameters, errlog=cast("Any", self._errors)) as streams:
                    yield streams
            finally:
                self._said, self._errors = self.said(), None

    def said(self) -> str:
        """Its last 10,000 bytes, which it may have written for our eyes."""
        if self._errors is None:
            return self._said
        end = os.fstat(self._errors.fileno()).st_size
        return os.pread(self._errors.fileno(), 10_000, max(0, end - 10_000)).decode("utf-8", "replace")


class Url:
    """A server that runs already, spoken to over streamable HTTP."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url = url
        self.shown = urlsplit(url)._replace(query="", fragment="").geturl()
        self.words = [self.shown]
        self._headers = dict(headers)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncGenerator[Any]:
        """A session; it is ended on closing."""
        async with (
            # A call may take as long as its tool may; everything else has its own limit.
            httpx2.AsyncClient(headers=self._headers, timeout=httpx2.Timeout(PATIENCE, read=None)) as client,
            streamable_http_client(self._url, http_client=client) as streams,
        ):
            yield streams

    def said(self) -> str:
        """It does not tell."""
        return ""


class Connection:
    """Keeps the line open, in a task of its own: a server that breaks must not take its caller along."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._client: Client | None = None
        self._owner: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._turn = asyncio.Lock()
        self._under_way = 0
        """Calls that are not answered yet: their line is not closed to have a new one."""

    async def listed(self) -> list[Tool]:
        """What the server offers now. If it does not say, and no call is under way, the line is taken up anew, once.

        Raises:
            Unreachable: it cannot be, or it does not answer.
        """
        client = await self._open()
        try:
            return await self._list(client)
        except Exception as error:  # Whatever the line has met with, nothing was asked of the server but a list.
            if self._under_way or isinstance(error, Unreachable):
                raise Unreachable(f"it does not list its tools: {_plainly(error)}") from error
        await self._close(client)
        return await self._list_once_more()

    async def call(self, tool: str, arguments: Mapping[str, Any], key: str) -> CallToolResult:
        """Send one call, once. Whoever raises here has said nothing about what happened.

        Raises:
            MCPError: the server answered with an error of the protocol, or the line broke.
            InputWanted: the server wants to be told something first.
        """
        if self._client is None:
            raise ToolFailed("the line to the server is closed; nothing was sent")
        meta = cast("RequestParamsMeta", {KEY: key})
        params = CallToolRequestParams(name=tool, arguments=dict(arguments), _meta=meta)
        # Not by `call_tool`: that would send some calls twice, and drop answers that do not fit their schema.
        sending = self._client.session.send_request(CallToolRequest(params=params), _RESULT)
        self._under_way += 1
        try:
            answer = await sending
        finally:
            self._under_way -= 1
        if isinstance(answer, InputRequiredResult):
            raise InputWanted("the server wants input in the middle of the call; agentkit never gives any")
        return answer

    async def close(self) -> None:
        """End the line, and with it a process of ours."""
        if self._client:
            await self._close(self._client)

    async def _list_once_more(self) -> list[Tool]:
        client = await self._open()
        try:
            return await self._list(client)
        except Exception as error:
            raise Unreachable(f"it does not list its tools, asked twice: {_plainly(error)}") from error

    async def _list(self, client: Client) -> list[Tool]:
        tools: list[Tool] = []
        cursor: str | None = None
        async with asyncio.timeout(PATIENCE):
            for _ in range(PAGES):
                page = await client.list_tools(cursor=cursor)
                tools += page.tools
                cursor = page.next_cursor
                if cursor is None:
                    return tools
        raise Unreachable(f"its list of tools has no end: it was read for {PAGES} pages")

    # The task that has the line --------------------------------------------------------------------------------------

    async def _open(self) -> Client:
        async with self._turn:
            if self._client is None:
                opened: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
                self._stop = asyncio.Event()
                self._owner = asyncio.create_task(self._own(self._stop, opened.set_result))
                await self._until(opened, self._owner)
                self._client = opened.result()
            return self._client

    async def _until(self, opened: asyncio.Future[Client], owner: asyncio.Task[None]) -> None:
        try:
            await asyncio.wait({opened, owner}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            if not opened.done():
                await self._give_up(owner)
        except BaseException:  # Also whoever is cancelled here must not leave a process behind.
            owner.cancel()
            await asyncio.gather(owner, return_exceptions=True)
            raise

    async def _own(self, stop: asyncio.Event, opened: Callable[[Client], None]) -> None:
        # No callbacks: the server is told that we answer no sampling, no elicitation and no roots, and gets errors.
        async with Client(self.line.open(), cache=None) as client:
            opened(client)
            await stop.wait()

    async def _give_up(self, owner: asyncio.Task[None]) -> None:
        slow = not owner.done()
        owner.cancel()
        [error] = await asyncio.gather(owner, return_exceptions=True)
        why = f"it did not answer within {PATIENCE:g} s" if slow else _plainly(error)
        raise Unreachable(f"`{self.line.shown}` cannot be reached: {why}")

    async def _close(self, client: Client) -> None:
        async with self._turn:
            if self._client is client and self._owner:
                self._client = None
                self._stop.set()
                await asyncio.gather(self._owner, return_exceptions=True)


def _plainly(error: object) -> str:
    """The cause, without anything that hides or harms; task groups wrap it."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    words = f"{type(error).__name__}: {error}".removesuffix(": ")
    return visible(_QUERY.sub(r"\1?...", words))[:2000]
