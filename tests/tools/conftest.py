"""What the tests of tools share: a context, a call without the road, and the trip desk's world."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from pydantic import SecretStr
from pydantic_core import to_json

from agentkit.tool import Tool, ToolContext
from agentkit_tools.booking import Booking, Octo
from agentkit_tools.calendar import Calendar, CalendarAccount
from agentkit_tools.email import Email, MailAccount
from examples.trip_desk.world import World

STARTED = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)

Context = Callable[..., ToolContext]
Call = Callable[..., Awaitable[Any]]


@pytest.fixture
def context(request: pytest.FixtureRequest) -> Context:
    """Makes the context of this test's action number so-and-so; the same number is the same action."""
    base = crc32(request.node.nodeid.encode()) << 8

    def make(number: int = 1, **changes: Any) -> ToolContext:
        seed = base + number
        return replace(
            ToolContext(run="r", action=f"a-{seed:016x}", key=f"{seed:064x}"[::-1], started_at=STARTED),
            **changes,
        )

    return make


@pytest.fixture
def call() -> Call:
    """Validates the arguments as the road does, then calls the tool's function."""

    async def run(tool: Tool[..., Any], ctx: ToolContext, **arguments: Any) -> Any:
        fitting = tool.arguments.model_validate_json(to_json(arguments))
        return await tool.function(ctx, **{name: getattr(fitting, name) for name in type(fitting).model_fields})

    return run


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("world")
    with World.create(folder) as made:
        yield made


@pytest.fixture
def account(world: World) -> MailAccount:
    where = world.addresses
    return MailAccount(
        address=world.desk.address,
        password=SecretStr(world.desk.password),
        smtp_host=where.smtp_host,
        smtp_port=where.smtp_port,
        imap_host=where.imap_host,
        imap_port=where.imap_port,
        security="none",
        timeout=5,
    )


@pytest.fixture
def email(account: MailAccount) -> Email:
    return Email(account)


@pytest.fixture
def octo(world: World) -> Octo:
    return Octo(url=world.addresses.octo_url, token=SecretStr(world.octo_token), timeout=5)


@pytest.fixture
def booking(octo: Octo) -> Booking:
    return Booking(octo)


@pytest.fixture
def calendar_account(world: World) -> CalendarAccount:
    return CalendarAccount(
        url=world.addresses.calendar_url,
        username=world.desk.address,
        password=SecretStr(world.desk.password),
        timeout=5,
    )


@pytest.fixture
def calendar(calendar_account: CalendarAccount) -> Calendar:
    return Calendar(calendar_account)
