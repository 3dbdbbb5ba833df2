"""The booking tools at the trip desk's OCTO server: what the conformance kit calls, and what an outsider sees."""

import tempfile
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from agentkit.call import Proposal
from agentkit_tools.testing.staging import Staging
from tests.tools.booking.action import do
from tests.tools.booking.sites import Site, at_octo


class AtBookingServer(Staging):
    """A booking server of its own for each staging."""

    site: Site

    async def __aenter__(self) -> Self:
        self._open = ExitStack()
        self._uuids: dict[int, str] = {}
        self._seen: dict[int, set[str]] = {}
        folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="agentkit-staging-"))
        self.site = self._open.enter_context(self._running(Path(folder) / "server"))
        self.tools = self._tools()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._open.close()

    def _running(self, folder: Path) -> AbstractContextManager[Site]:
        return at_octo(folder)

    def _tools(self) -> list[Any]:
        """The tool under test, and what takes it back."""
        raise NotImplementedError

    async def world(self) -> Any:
        return self.site.world()

    async def _held(self, n: int) -> str:
        """A hold that the n-th call works on."""
        self._uuids[n] = (await do(self.site.kit.reserve, **self.site.wish())).uuid
        return self._uuids[n]

    async def _confirmed(self, n: int) -> str:
        uuid = await self._held(n)
        await do(self.site.kit.confirm, **self.site.agreed(uuid))
        return uuid


class Reserving(AtBookingServer):
    """Each call holds for another number of minutes, by which an outsider knows it."""

    def _tools(self) -> list[Any]:
        return [self.site.kit.reserve, self.site.kit.release]

    async def call(self, n: int) -> Proposal[Any]:
        return self.site.kit.reserve(**self.site.wish(minutes=self._minutes(n)))

    async def count(self, n: int) -> int:
        return len(self._made(n))

    async def edit(self, n: int) -> None:
        self.site.confirm_as_another(self._made(n)[0])

    def _made(self, n: int) -> list[str]:
        """Those that still stand; once seen on hold, also after somebody has confirmed them."""
        now, minutes, world = datetime.now(UTC), self._minutes(n), self.site.world()
        holds = [uuid for uuid in world if self.site.status(uuid) == "ON_HOLD"]
        left = {uuid: (self.site.held_until(uuid) - now).total_seconds() / 60 for uuid in holds}
        seen = self._seen.setdefault(n, set())
        seen.update(uuid for uuid, each in left.items() if minutes - 60 < each <= minutes)
        return sorted(seen & world.keys())

    def _minutes(self, n: int) -> int:
        return 60 * (n + 2)


class Confirming(AtBookingServer):
    """Each call confirms a hold of its own."""

    def _tools(self) -> list[Any]:
        return [self.site.kit.confirm, self.site.kit.confirm_cancellation, self.site.kit.quote_cancellation]

    async def call(self, n: int) -> Proposal[Any]:
        return self.site.kit.confirm(**self.site.agreed(await self._held(n)))

    async def count(self, n: int) -> int:
        return int(self.site.status(self._uuids[n]) == "CONFIRMED")

    async def paid(self, n: int) -> Decimal:
        return self.site.fee_of(self._uuids[n])


class Extending(AtBookingServer):
    """Each call extends a hold of its own by two days."""

    def _tools(self) -> list[Any]:
        return [self.site.kit.extend]

    async def call(self, n: int) -> Proposal[Any]:
        return self.site.kit.extend(await self._held(n), 2 * 24 * 60)

    async def count(self, n: int) -> int:
        left = self.site.held_until(self._uuids[n]) - datetime.now(UTC)
        return int(left.total_seconds() > 24 * 3600)


class Cancelling(AtBookingServer):
    """Each call cancels a confirmed booking of its own."""

    def _tools(self) -> list[Any]:
        return [self.site.kit.confirm_cancellation]

    async def call(self, n: int) -> Proposal[Any]:
        uuid = await self._confirmed(n)
        return self.site.kit.confirm_cancellation(uuid, max_fee=self.site.fee)

    async def count(self, n: int) -> int:
        return int(self.site.status(self._uuids[n]) == "CANCELLED")
