"""What can go wrong with a connected account."""

from agentkit.errors import OperatorMatter, ToolFailed


class ConnectFailed(OperatorMatter):
    """A person did not agree, or the provider did not: there are no tokens."""


class NotConnected(ToolFailed):
    """There is no account of that name, or its provider does not accept it any more. Nothing was done with it."""
