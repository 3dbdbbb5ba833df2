"""What tests of every room share: a clock that they turn, and a journal on each store."""

import os
from collections.abc import AsyncIterator, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from agentkit.journal.journal import Journal

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)
NO_SKIPS = bool(os.environ.get("AGENTKIT_NO_SKIPS"))
"""Where everything can be installed, a skipped test is a missing test."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _not_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _not_skipped((yield))


def _not_skipped(report: Report) -> Report:
    if NO_SKIPS and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, and AGENTKIT_NO_SKIPS is set: {report.longrepr}"
    return report


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
