"""A server that keeps notes, for every test its own."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.servers.mcp import Notes, running


@pytest.fixture
def server(tmp_path: Path) -> Generator[Notes]:
    with running(tmp_path / "notes") as notes:
        yield notes
