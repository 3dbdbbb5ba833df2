"""From a tool as a server describes it to a tool on the road."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED
from mcp_types import Tool as Described

from agentkit.approval.shown import visible
from agentkit.effects import ReadOnly
from agentkit.errors import ToolFailed
from agentkit.tool import Tool, ToolContext
from agentkit_tools.mcp.answer import Answer, ErrorAnswer, answers
from agentkit_tools.mcp.arguments import Arguments, Keywords
from agentkit_tools.mcp.connection import Connection, Unreachable
from agentkit_tools.mcp.declaration import Declaration
from agentkit_tools.mcp.exported import Exported, ended
from agentkit_tools.mcp.pins import fingerprint
from agentkit_tools.mcp.schema import JsonSchema, closed, for_policies, usable

LONGEST_DESCRIPTION = 4000


def imported(
    server: str, described: Described, connection: Connection, declared: Declaration | None, *, pinned: bool
) -> Tool[..., Answer]:
    """A tool whose calls go to the server. What the server says about it can only make it stricter.

    Args:
        server: the room it is named in.
        described: what the server says.
        connection: where calls go.
        declared: what you say. Without it, it is blind and irreversible.
        pinned: whether a person has read exactly this description; only then `read_only_hint` is believed.

    Raises:
        InvalidTool: its schema cannot be used, or you declared something about arguments that it does not have.
    """
    schema = closed(usable(described.input_schema))
    for_policies(schema)  # here it is this tool that is refused, and not the agent that does not start
    output = usable(described.output_schema) if described.output_schema is not None else None
    says = declared or _believed(described, pinned)
    name = name_of(server, described.name)
    mark = fingerprint(described)
    return Tool(
        name=name,
        version=mark[:16],
        description=_description(server, described),
        function=_calling(described.name, mark, connection, says),
        signature=Keywords(),
        arguments=Arguments.of(name, _without(schema, says.key_argument)),
        result=answers(output),
        repeat=says.marked_repeat(connection),
        undo=says.named_undo(),
        timeout=says.timeout,
        declared=declared is not None or isinstance(says.repeat, ReadOnly),
        argument_markers=says.markers(list(schema.get("properties", {}))),
        result_markers=says.result_markers(),
    )


def name_of(server: str, tool: str) -> str:
    """`server.tool`, with what names cannot hold replaced by underscores."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", tool)
    return f"{server}.{plain if plain.isidentifier() else '_' + plain}"


def _believed(described: Described, pinned: bool) -> Declaration:
    """A hint is believed where it warns. That a tool only reads, where a person has read what it says it does."""
    hints = described.annotations
    reads = bool(hints and hints.read_only_hint and not hints.destructive_hint)
    return Declaration(repeat=ReadOnly()) if reads and pinned else Declaration()


def _description(server: str, described: Described) -> str:
    """The server's words are untrusted: marked as its own, and with nothing invisible in them."""
    words = visible((described.description or described.title or described.name).strip())
    return f"The MCP server '{server}' says: {words[:LONGEST_DESCRIPTION]}"


def _without(schema: JsonSchema, argument: str | None) -> JsonSchema:
    """The schema of what a model gives, without the argument that agentkit fills in."""
    properties = {name: each for name, each in schema.get("properties", {}).items() if name != argument}
    required = [name for name in schema.get("required", []) if name != argument]
    return {**schema, "type": "object", "properties": properties, "required": required}


# A call ------------------------------------------------------------------------------------------------------------


def _calling(tool: str, mark: str, connection: Connection, says: Declaration) -> Callable[..., Any]:
    async def call(ctx: ToolContext, root: dict[str, Any]) -> Answer:
        await _unchanged(tool, mark, connection)
        await ctx.point_of_no_return()
        key = {says.key_argument: ctx.key} if says.key_argument else {}
        return await _Sending(connection, says)(tool, {**root, **key}, ctx.key)

    return call


async def _unchanged(tool: str, mark: str, connection: Connection) -> None:
    """Ask again just before: the server may have ended, or have become another one, since it was imported."""
    try:
        now = [each for each in await connection.listed() if each.name == tool]
    except Unreachable as problem:
        words = visible(str(problem))[:2000]
        raise ToolFailed(f"the server was not asked to do anything: {words}") from problem
    if not now:
        raise ToolFailed(f"the server does not offer '{tool}' any more; nothing was sent")
    if any(fingerprint(each) != mark for each in now):
        raise ToolFailed(f"the server has changed what it says about '{tool}' since it was imported; nothing was sent")


@dataclass(frozen=True)
class _Sending:
    connection: Connection
    says: Declaration

    async def __call__(self, tool: str, arguments: dict[str, Any], key: str) -> Answer:
        try:
            result = await self.connection.call(tool, arguments, key)
        except MCPError as error:
            raise ErrorAnswer(_of_protocol(error)) from error
        answer = Answer.of(result)
        if result.is_error:
            raise self._error(answer)
        return answer

    def _error(self, answer: Answer) -> Exception:
        if isinstance(self.says.repeat, Exported):
            return ended(answer)
        words = visible(answer.text)[:2000] or "(no words)"
        if self.says.did_nothing and self.says.did_nothing(answer):
            return ToolFailed(f"the server says: {words}")
        return ErrorAnswer(f"the tool ended in an error, the server says: {words}")


def _of_protocol(error: MCPError) -> str:
    """Our own side says "closed" where the line broke, but any server may say it, too."""
    said = f"error {error.code}: {visible(error.message)[:2000]}"
    return (
        f"the server ended, or the line broke, or it said so: {said}"
        if error.code == CONNECTION_CLOSED
        else f"the answer is {said}"
    )
