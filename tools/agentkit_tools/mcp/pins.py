"""Pins: what a server's tools looked like when a person last read them, and how they differ now."""

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from mcp_types import Tool
from pydantic import BaseModel, ConfigDict, ValidationError

from agentkit.canonical import digest
from agentkit.errors import InvalidTool


def face(tool: Tool) -> dict[str, Any]:
    """Everything about a tool that a model or a person is guided by."""
    hints = tool.annotations.model_dump(exclude_none=True) if tool.annotations else {}
    return {
        "title": tool.title,
        "description": tool.description,
        "input_schema": tool.input_schema,
        "output_schema": tool.output_schema,
        "annotations": hints,
    }


def fingerprint(tool: Tool) -> str:
    """Changes whenever the face does."""
    return digest(json.dumps([tool.name, face(tool)], sort_keys=True))


class Pinned(BaseModel):
    """One server as a person has read it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    server: list[str]
    """The command or the URL: pins say nothing about another one."""
    tools: dict[str, dict[str, Any]]
    """The face of each tool."""

    @staticmethod
    def of(server: Sequence[str], tools: Sequence[Tool]) -> "Pinned":
        """The server as it is now."""
        return Pinned(server=list(server), tools={tool.name: face(tool) for tool in tools})


@dataclass(frozen=True)
class Pins:
    """The pinned servers, by the names that you gave them."""

    servers: Mapping[str, Pinned] = field(default_factory=dict[str, Pinned])

    @classmethod
    def read(cls, given: "Pins | Mapping[str, Any] | str | Path | None") -> Self:
        """From a file, from data, or none.

        Raises:
            InvalidTool: the file is missing or is no pin file.
        """
        if given is None:
            return cls()
        if isinstance(given, Pins):
            return cls(given.servers)
        try:
            data: Any = json.loads(Path(given).read_text()) if isinstance(given, str | Path) else given
            return cls({name: Pinned.model_validate(pinned) for name, pinned in data.items()})
        except FileNotFoundError:
            raise InvalidTool(f"there is no pin file {given}: make it with `agentkit mcp-pin`, and read it") from None
        except (OSError, ValueError, AttributeError, ValidationError) as error:
            raise InvalidTool(f"{given} is no pin file: {error}") from None

    def of(self, name: str, server: Sequence[str]) -> Pinned | None:
        """The pins of one server.

        Raises:
            InvalidTool: the name was pinned for another command or URL.
        """
        pinned = self.servers.get(name)
        if pinned and pinned.server != list(server):
            was, is_now = " ".join(pinned.server), " ".join(server)
            raise InvalidTool(f"'{name}' is pinned as `{was}` and is now `{is_now}`: read its tools and pin it again")
        return pinned

    def with_server(self, name: str, pinned: Pinned) -> "Pins":
        """With one server pinned anew."""
        return Pins({**self.servers, name: pinned})

    def write(self, file: Path) -> None:
        """To a file that people read and keep under version control."""
        data = {name: pinned.model_dump() for name, pinned in sorted(self.servers.items())}
        made = file.with_name(file.name + ".new")
        made.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n")
        made.replace(file)


def difference(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> list[str]:
    """How one face became another, line by line; both None where the tool is missing. Escaped: it is safe to print."""
    return [
        line.rstrip("\n")
        for line in difflib.unified_diff(_lines(old), _lines(new), "pinned", "now", n=1)
        if not line.startswith(("---", "+++", "@@"))
    ]


def _lines(shown: Mapping[str, Any] | None) -> list[str]:
    return [] if shown is None else json.dumps(shown, indent=2, sort_keys=True).splitlines()
