"""What the calendar's tests share: Radicale behind a wire, a kit, and actions that are tried and taken back."""

from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr

from agentkit_tools.calendar import Calendar, CalendarAccount
from tests.servers.radicale import Radicale, running
from tests.tools.calendar.act import Act

Do = Callable[..., Act]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Radicale]:
    with running(tmp_path_factory.mktemp("radicale")) as made:
        yield made


@pytest.fixture
def account(server: Radicale) -> Iterator[CalendarAccount]:
    yield CalendarAccount(
        url=server.calendar_url,
        username=server.username,
        password=SecretStr(server.password),
        time_zone="Europe/Berlin",
        timeout=5,
    )
    server.clear()
    assert server.wire.disarmed


@pytest.fixture
def kit(account: CalendarAccount) -> Calendar:
    return Calendar(account)


@pytest.fixture
def do(kit: Calendar) -> Do:
    """Makes an action of a proposal."""
    return lambda proposal, using=None: Act(using or kit, proposal)
