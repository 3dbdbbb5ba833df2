"""Commands that come with tools: found through the entry points `agentkit.commands`, each `module:function`."""

import functools
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points

from agentkit.errors import InvalidSettings

GROUP = "agentkit.commands"


def commands() -> Iterator[tuple[str, Callable[..., int]]]:
    """Every command with its name; one that cannot be loaded says why when it is called."""
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        yield point.name, _loaded(point)


def _loaded(point: EntryPoint) -> Callable[..., int]:
    try:
        return point.load()
    except Exception as error:  # Whatever breaks in somebody's command, the others must still be there.
        return functools.partial(_missing, point.name, str(error))


def _missing(name: str, reason: str) -> int:
    raise InvalidSettings(f"`agentkit {name}` could not be loaded: {reason}")
