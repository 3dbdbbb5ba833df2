"""What tests of every room share: a clock that they turn, and a journal on each store."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agentkit.journal.journal import Journal


class Clock:
    """Stands still until it is turned."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or datetime(2026, 11, 20, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture(autouse=True)
def nothing_set_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AGENTKIT_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'acts.db'}"


@pytest.fixture(params=["memory", "sqlite"])
async def journal(request: pytest.FixtureRequest, url: str, clock: Clock) -> AsyncIterator[Journal]:
    """Every rule of the journal holds on every store."""
    journal = Journal.open("memory:" if request.param == "memory" else url)
    journal.clock = clock
    yield journal
    await journal.close()
