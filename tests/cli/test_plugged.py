"""Commands that come with tools."""

from importlib.metadata import EntryPoint

import pytest

from agentkit.cli import plugged
from agentkit.errors import InvalidSettings


def one() -> int:
    return 4


@pytest.fixture
def installed(monkeypatch):
    def install(*points: str) -> None:
        made = [EntryPoint(point.split("=")[0], point.split("=")[1], plugged.GROUP) for point in points]
        monkeypatch.setattr(plugged, "entry_points", lambda group: [p for p in made if p.group == group])

    return install


def test_a_tool_package_brings_its_own_commands(installed):
    installed(f"one={__name__}:one")

    ((name, command),) = plugged.commands()

    assert (name, command()) == ("one", 4)


def test_a_command_that_cannot_be_loaded_says_why_and_leaves_the_others(installed):
    installed("broken=no_such_package:one", f"one={__name__}:one")

    commands = dict(plugged.commands())

    assert commands["one"]() == 4
    with pytest.raises(InvalidSettings, match="no_such_package"):
        commands["broken"]()
