"""An MCP server whose tools an agent may use, each call down the same road as any other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from mcp_types import Tool as Described

from agentkit.approval.shown import visible
from agentkit.errors import InvalidTool
from agentkit.tool import Tool
from agentkit_tools.mcp.answer import Answer
from agentkit_tools.mcp.connection import Connection, Line, Process, Unreachable, Url
from agentkit_tools.mcp.declaration import Declaration
from agentkit_tools.mcp.described import OUTCOME
from agentkit_tools.mcp.exported import Exported
from agentkit_tools.mcp.imported import imported, name_of
from agentkit_tools.mcp.pins import Pinned, Pins, difference, face
from agentkit_tools.secrecy import is_loopback


@dataclass
class McpServer:
    """`async with McpServer("notes", command=[...]) as notes: Agent(..., tools=[*notes])`.

    Give either a command, which is started and ended with the block, or the URL of a server that runs.
    """

    name: str
    """The room of its tools: `notes.add`."""
    command: Sequence[str] = field(default=(), repr=False)
    url: str = field(default="", repr=False)
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """What the process gets beside PATH, HOME and the like; nothing else of our environment."""
    folder: Path | None = None
    """Where the process starts."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """What every request to the URL carries, such as a token."""
    pins: str | Path | Mapping[str, Any] | Pins | None = None
    """A pin file made by `agentkit mcp-pin`, or its content."""
    declare: Mapping[str, Declaration] = field(default_factory=dict[str, Declaration])
    """What you know about its tools, by the server's own names."""
    tools: dict[str, Tool[..., Answer]] = field(default_factory=dict[str, Tool[..., Answer]], init=False)
    """While it is open: the tools, by the server's own names."""
    refused: dict[str, str] = field(default_factory=dict[str, str], init=False)
    """While it is open: the tools that are not offered to the agent, and why."""

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise InvalidTool(f"'{self.name}' cannot be the name of a server: write one word, such as 'notes'")
        if bool(self.command) == bool(self.url):
            raise InvalidTool(f"{self.name}: give either a command or a URL")
        where = urlsplit(self.url)
        if self.url and where.scheme != "https" and not is_loopback(where.hostname or ""):
            raise InvalidTool(f"{self.name}: what is sent to {where.hostname} could be read on the way: use https")
        if where.username or where.password:
            raise InvalidTool(f"{self.name}: a password does not belong into a URL: give it in headers=")
        if isinstance(self.command, str):
            raise InvalidTool(f"{self.name}: write the command as a list, such as ['uvx', 'mcp-server-time']")
        self._line: Line = Process(self.command, self.env, self.folder) if self.command else Url(self.url, self.headers)
        self._connection = Connection(self._line)

    async def __aenter__(self) -> Self:
        pinned = Pins.read(self.pins).of(self.name, self._line.words)
        try:
            self._import(await self.described(), pinned)
        except BaseException:
            await self._connection.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    def __iter__(self) -> Iterator[Tool[..., Answer]]:
        return iter(self.tools.values())

    def __getitem__(self, tool: str) -> Tool[..., Answer]:
        if tool in self.tools:
            return self.tools[tool]
        why = self.refused.get(tool) or f"it offers {sorted(self.tools)}"
        raise InvalidTool(f"the MCP server '{self.name}' has no tool '{tool}' to use: {why}")

    @property
    def stderr(self) -> str:
        """The end of what the process wrote to its standard error."""
        return self._line.said()

    async def described(self) -> list[Described]:
        """What the server says about its tools now.

        Raises:
            InvalidTool: it cannot be reached.
        """
        try:
            return await self._connection.listed()
        except Unreachable as problem:
            await self._connection.close()
            raise InvalidTool(f"the MCP server '{self.name}': {problem}{self._last_words()}") from problem

    async def look(self) -> Pinned:
        """What there is to pin: start it, list its tools, end it."""
        try:
            return Pinned.of(self._line.words, await self.described())
        finally:
            await self._connection.close()

    def _last_words(self) -> str:
        """Only for whoever starts it: its standard error may hold secrets, and goes into no outcome."""
        said = visible(self.stderr.strip()[-500:])
        return f"; its last words: {said}" if said else ""

    def _import(self, described: Sequence[Described], pinned: Pinned | None) -> None:
        self.tools, self.refused = {}, {}
        names = [name_of(self.name, each.name) for each in described]
        for each, name in zip(described, names, strict=True):
            try:
                if names.count(name) > 1:
                    raise InvalidTool(f"another of its tools would be called '{name}', too")
                self.tools[each.name] = self._imported(each, pinned)
            except InvalidTool as problem:
                self.refused[each.name] = visible(str(problem))
        if missing := sorted(self.declare.keys() - self.tools.keys()):
            raise InvalidTool(f"you declared '{missing[0]}': {self._why_not(missing[0])}")
        self._check_exported({each.name for each in described})

    def _check_exported(self, offered: set[str]) -> None:
        exported = [name for name, declared in self.declare.items() if isinstance(declared.repeat, Exported)]
        if exported and OUTCOME not in offered:
            raise InvalidTool(f"you declared '{exported[0]}' as Exported, but '{self.name}' is no export of agentkit")

    def _imported(self, described: Described, pinned: Pinned | None) -> Tool[..., Answer]:
        known = pinned.tools.get(described.name) if pinned else None
        if known is not None and known != face(described):
            lines = "\n".join(difference(known, face(described)))
            raise InvalidTool(f"it is not what was pinned; read it, and pin it again if it is all right:\n{lines}")
        return imported(
            self.name, described, self._connection, self.declare.get(described.name), pinned=known is not None
        )

    def _why_not(self, tool: str) -> str:
        return self.refused.get(tool) or f"the MCP server '{self.name}' offers {sorted(self.tools)}"
