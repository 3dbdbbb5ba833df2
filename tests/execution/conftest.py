"""A world, a hand in it, and a run on either kind of journal."""

from pathlib import Path

import pytest

from agentkit.journal.journal import Journal
from tests.execution.world import Hand, World, opened


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world")


@pytest.fixture
def hand(world: World) -> Hand:
    return Hand(world)


@pytest.fixture
async def memory(clock) -> Journal:
    """The rules are the same on every store: the road is mostly walked on the quickest."""
    journal = Journal.open("memory:")
    journal.clock = clock
    await opened(journal)
    return journal
