"""Accounts people have: connected once in a browser by OAuth, then used without any password."""

try:
    import filelock as filelock
    import httpx as httpx
except ImportError as missing:
    raise ImportError("accounts need httpx and filelock: pip install 'agentkit-framework[accounts]'") from missing

from agentkit_tools.accounts.authorize import authorize
from agentkit_tools.accounts.connected import Connected
from agentkit_tools.accounts.errors import ConnectFailed, NotConnected
from agentkit_tools.accounts.provider import Provider

__all__ = ["ConnectFailed", "Connected", "NotConnected", "Provider", "authorize"]
