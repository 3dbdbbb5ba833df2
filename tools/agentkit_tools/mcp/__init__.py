"""MCP, both ways: the tools of any MCP server on the one road, and an agent's own tools for any MCP client."""

from agentkit_tools.mcp.answer import Answer
from agentkit_tools.mcp.declaration import Declaration
from agentkit_tools.mcp.export import McpExport
from agentkit_tools.mcp.pins import Pins
from agentkit_tools.mcp.server import McpServer

__all__ = ["Answer", "Declaration", "McpExport", "McpServer", "Pins"]
