"""Where a value came from, and the marks by which tool authors say what a field is."""

from dataclasses import dataclass
from typing import Any, Final, Literal, cast


@dataclass(frozen=True)
class Marker:
    """Put it into `Annotated[...]` on a tool's argument or on a field of its result."""

    name: str


Bound: Final = Marker("bound")
"""Argument: steers the effect (a recipient, an amount, an id). Its source matters."""
Content: Final = Marker("content")
"""Argument: carried along to somebody (a body, a note). What flows into it matters."""
Destination: Final = Marker("destination")
"""Argument: where something goes (a URL, a host)."""

Handle: Final = Marker("handle")
"""Result: an identifier that the tool's server made (a booking's uuid)."""
Directory: Final = Marker("directory")
"""Result: an entry of a list that outsiders cannot write into (an address book)."""
Secret: Final = Marker("secret")
"""Result: must not leave."""


@dataclass(frozen=True)
class Label:
    """The source of one value. Without a better one, a value is the model's: the least trusted."""

    origin: Literal["user", "developer", "tool", "derived", "model"]
    action: str | None = None
    """For `tool`: the action whose result held the value."""
    path: str | None = None
    """For `tool`: where in that result, as a dotted path."""

    def as_data(self) -> dict[str, str]:
        """Only what is known, as JSON."""
        return {name: value for name, value in vars(self).items() if value is not None}


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """Every leaf of a JSON value with its dotted path."""
    if isinstance(value, dict):
        items = list(cast("dict[str, Any]", value).items())
    elif isinstance(value, list):
        items = [(str(number), item) for number, item in enumerate(cast("list[Any]", value))]
    else:
        return [(path, value)]
    return [leaf for name, item in items for leaf in leaves(item, f"{path}.{name}" if path else name)]
