"""The booking servers that these tests share, each started when it is first asked for."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.tools.booking.action import do, first
from tests.tools.booking.sites import AtOcto, AtPretix, Site, at_octo, at_pretix

Servers = Callable[[str], Site]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    started: dict[str, Site] = {}
    with ExitStack() as stack:

        def start(name: str) -> Site:
            if name not in started:
                running = {"octo": at_octo, "pretix": at_pretix}[name]
                started[name] = stack.enter_context(running(tmp_path_factory.mktemp(name) / "server"))
            return started[name]

        yield start


@pytest.fixture(params=["octo", "pretix"])
def site(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Site]:
    """Each server in turn."""
    yield (found := servers(request.param))
    found.proxy.clear()


@pytest.fixture
def shop(servers: Servers) -> Iterator[AtPretix]:
    found = servers("pretix")
    assert isinstance(found, AtPretix)
    yield found
    found.proxy.clear()


@pytest.fixture
def desk(servers: Servers) -> Iterator[AtOcto]:
    found = servers("octo")
    assert isinstance(found, AtOcto)
    yield found
    found.proxy.clear()


@pytest.fixture
async def held(site: Site):
    return await do(site.kit.reserve, **site.wish())


@pytest.fixture
async def confirmed(site: Site, held):
    return await do(site.kit.confirm, first(), **site.agreed(held.uuid))
