"""The command line face, and the worker: `agentkit --help`."""

from agentkit.cli.main import app, main

__all__ = ["app", "main"]
