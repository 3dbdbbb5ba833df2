"""MCP, both ways: the tools of any MCP server on the one road, and an agent's own tools for any MCP client."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentkit_tools.mcp.answer import Answer
    from agentkit_tools.mcp.declaration import Declaration
    from agentkit_tools.mcp.export import McpExport
    from agentkit_tools.mcp.exported import Exported
    from agentkit_tools.mcp.pins import Pins
    from agentkit_tools.mcp.server import McpServer

__all__ = ["Answer", "Declaration", "Exported", "McpExport", "McpServer", "Pins"]

_HOMES = {
    "Answer": "answer",
    "Declaration": "declaration",
    "Exported": "exported",
    "McpExport": "export",
    "McpServer": "server",
    "Pins": "pins",
}


def __getattr__(name: str) -> Any:
    """Only on first use: the SDK is an extra, takes half a second, and `agentkit` imports our commands every time."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as missing:
        if missing.name and missing.name.startswith("agentkit"):
            raise
        why = f"MCP needs {missing.name}: pip install 'agentkit-framework[mcp]'"
        raise ImportError(why, name=missing.name) from missing
