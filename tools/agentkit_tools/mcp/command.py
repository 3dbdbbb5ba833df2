"""`agentkit mcp-serve` and `agentkit mcp-pin`."""

import asyncio
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agentkit.cli.ending import FAILED, OK
from agentkit.cli.loading import load_agent
from agentkit.cli.screen import quote, say, tell
from agentkit.errors import DeveloperMistake

if TYPE_CHECKING:
    from agentkit.agent import Agent
    from agentkit_tools.mcp.pins import Pinned
    from agentkit_tools.mcp.server import McpServer


def serve(
    agent: Annotated[str, typer.Argument(metavar="MODULE:NAME", help="The agent whose tools are served.")],
) -> int:
    """Serve an agent's tools to an MCP client, over standard input and output.

    Example: agentkit mcp-serve app:agent
    """
    asyncio.run(_serve(load_agent(agent)))
    return OK


def pin(
    server: Annotated[str, typer.Argument(metavar="MODULE:NAME", help="The McpServer whose tools are pinned.")],
    file: Annotated[
        Path | None, typer.Argument(help="The pin file, made if there is none; the server's own if not given.")
    ] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="I have read the differences: write them.")] = False,
) -> int:
    """Show what an MCP server says about its tools beside what was pinned, and pin it.

    Example: agentkit mcp-pin app:notes
    """
    # The SDK takes half a second to import: only these commands pay for it.
    from agentkit_tools.mcp import Pins

    found = _server(server)
    file = file or (Path(found.pins) if isinstance(found.pins, str | Path) else Path("mcp-pins.json"))
    now = asyncio.run(found.look())
    known = Pins.read(file) if file.exists() else Pins()
    changes = _show(known.servers.get(found.name), now)
    if not changes:
        say(f"{found.name}: just as pinned")
        return OK
    if not (yes or (sys.stdin.isatty() and typer.confirm(f"Pin {found.name} like this?", err=True))):
        tell("nothing was pinned; read the lines above, and give --yes if they are all right")
        return FAILED
    known.with_server(found.name, now).write(file)
    say(f"{found.name}: pinned in {file}")
    return OK


async def _serve(agent: "Agent") -> None:
    from agentkit_tools.mcp import McpExport  # heavy, see above

    async with agent:
        tell(f"serving {len(list(agent.toolbox))} tools of {agent.principal} on standard input and output")
        await McpExport(agent).serve()


def _show(known: "Pinned | None", now: "Pinned") -> bool:
    from agentkit_tools.mcp.pins import difference  # heavy, see above

    pinned = known.tools if known else {}
    moved = known is not None and known.server != now.server
    if known and moved:
        quote(f"server: - {' '.join(known.server)}")
        quote(f"server: + {' '.join(now.server)}")
    changed = [name for name in sorted(pinned.keys() | now.tools.keys()) if pinned.get(name) != now.tools.get(name)]
    for name in changed:
        quote(name, "bold")
        for line in difference(pinned.get(name), now.tools.get(name)):
            quote(f"  {line}")
    return moved or known is None or bool(changed)


def _server(reference: str) -> "McpServer":
    from agentkit_tools.mcp import McpServer  # heavy, see above

    module, _, name = reference.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), name or "?")
    except (ImportError, AttributeError, ValueError) as error:
        raise DeveloperMistake(f"'{reference}' does not name an McpServer: {error}") from None
    if not isinstance(found, McpServer):
        raise DeveloperMistake(f"{reference} is no McpServer but a {type(found).__name__}")
    return found
