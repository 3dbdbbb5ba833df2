"""Situations in which a lie shows, arranged by direct calls, without the conformance kit.

Each is asked about the n-th call and says what it saw that should not be, or None.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import httpx
from pydantic_core import to_json, to_jsonable_python

from agentkit.call import Proposal
from agentkit.effects import Checkable, Compensable, Effect, ExactInverse, Findable
from agentkit.errors import ToolFailed
from agentkit.tool import ToolContext
from agentkit_tools.testing import Staging
from tests.liars.desk import AtTheShop

Situation = Callable[[Staging, int], Awaitable[str | None]]


class Killed(Exception):
    """Stands for the death of the process at the mark."""


@dataclass
class Attempts:
    """All attempts of one action: one key, and what the first of them found."""

    staging: Staging
    proposal: Proposal[Any]
    name: str
    before: Any = None
    marks: int = 0
    deadly: bool = False
    result: Any = field(default=None, init=False)

    @property
    def key(self) -> str:
        return sha256(self.name.encode()).hexdigest()

    def context(self, attempt: int) -> ToolContext:
        started = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
        action = f"a-{self.key[:16]}"
        return ToolContext(run="r", action=action, key=self.key, started_at=started, attempt=attempt, mark=self._mark)

    async def run(self, attempt: int = 1) -> Any:
        """The tool's result as JSON, its arguments validated as the road does."""
        self.result = await _called(self.staging, self.proposal, self.context(attempt))
        return self.result

    async def probe(self) -> Any:
        repeat = self.staging.tools[0].repeat
        assert isinstance(repeat, Checkable | Findable)
        await landed(self.staging)
        return to_jsonable_python(await repeat.probe(self.context(1), **self.proposal.arguments))

    def effect(self, *, lost: bool) -> Effect[Any]:
        return Effect(self.key, self.proposal.arguments, None if lost else self.result, self.before)

    async def _mark(self, before: Any) -> Any:
        if self.deadly:
            raise Killed
        if self.marks == 0:
            self.before = to_jsonable_python(before)
        self.marks += 1
        return self.before


async def _called(staging: Staging, proposal: Proposal[Any], ctx: ToolContext) -> Any:
    tool = next(tool for tool in staging.tools if tool.name == proposal.tool)
    fitting = tool.arguments.model_validate_json(to_json(dict(proposal.arguments)))
    result = await tool.function(ctx, **{name: getattr(fitting, name) for name in type(fitting).model_fields})
    return to_jsonable_python(result)


async def act(staging: Staging, n: int, name: str = "one") -> Attempts:
    """The n-th call as an action; another name is another action."""
    return Attempts(staging, await staging.call(n), f"{name} {n}")


async def landed(staging: Staging) -> None:
    """Wait until nothing can land any more by what the tool declares, where anything comes late at all."""
    repeat = staging.tools[0].repeat
    if isinstance(staging, AtTheShop) and staging.switches.lands_after and isinstance(repeat, Checkable):
        await asyncio.sleep(repeat.may_land.total_seconds())


async def taken_back(attempts: Attempts, *, lost: bool = False, times: int = 1) -> ToolFailed | None:
    """Run the inverse, and say how it refused."""
    undo = attempts.staging.tools[0].undo
    assert isinstance(undo, ExactInverse)
    proposal = undo.inverse(attempts.effect(lost=lost))
    assert proposal is not None
    inverse = Attempts(attempts.staging, proposal, f"undo of {attempts.name}")
    try:
        for attempt in range(1, times + 1):
            await inverse.run(attempt)
    except ToolFailed as refused:
        return refused
    return None


# What can be asked of every tool -------------------------------------------------------------------------------------


async def fails(staging: Staging, n: int) -> str | None:
    """Two attempts; whichever says ToolFailed, nothing may be there."""
    action = await act(staging, n)
    for attempt in (1, 2):
        try:
            await action.run(attempt)
        except ToolFailed as failed:
            await asyncio.sleep(staging.settles.total_seconds())
            if (attempt == 1 or failed.ever) and await staging.count(n):
                return f"ToolFailed({failed}), and it is there"
        except RuntimeError:
            continue
    return None


# What a repeat-safety promises ---------------------------------------------------------------------------------------


async def read(staging: Staging, n: int) -> str | None:
    action = await act(staging, n)
    before = await staging.world()
    await action.run()
    return None if before == await staging.world() else "reading changed the world"


async def twice(staging: Staging, n: int) -> str | None:
    action = await act(staging, n)
    await steadily(action)
    once = await staging.world()
    await steadily(action, attempt=2)
    return None if once == await staging.world() else "the second call changed the world"


async def at_once(staging: Staging, n: int) -> str | None:
    action = await act(staging, n)
    await asyncio.gather(steadily(action), steadily(action, attempt=2))
    return None if (times := await staging.count(n)) == 1 else f"two calls at once took effect {times} times"


async def replayed(staging: Staging, n: int) -> str | None:
    action = await act(staging, n)
    first, second = await steadily(action), await steadily(action, attempt=2)
    if first != second:
        return f"{first} at first, {second} at the replay"
    return None if (times := await staging.count(n)) == 1 else f"in effect {times} times"


async def replayed_after_others(staging: Staging, n: int) -> str | None:
    action = await act(staging, n)
    await steadily(action)
    for other in range(1000 + 10 * n, 1010 + 10 * n):
        await steadily(await act(staging, other))
    await steadily(action, attempt=2)
    return None if (times := await staging.count(n)) == 1 else f"in effect {times} times"


async def replayed_later(staging: Staging, n: int) -> str | None:
    action = await act(staging, n)
    await steadily(action)
    await asyncio.sleep(0.3)
    await steadily(action, attempt=2)
    return None if (times := await staging.count(n)) == 1 else f"in effect {times} times"


async def equal_arguments(staging: Staging, n: int) -> str | None:
    for name in ("one", "two"):
        await steadily(await act(staging, n, name))
    return None if (times := await staging.count(n)) == 2 else f"two actions, in effect {times} times"


async def steadily(action: Attempts, attempt: int = 1) -> Any:
    """Run it until a moody server lets it."""
    for _ in range(5):
        try:
            return await action.run(attempt)
        except (ToolFailed, RuntimeError):
            attempt += 1
    raise AssertionError("the server refused five times")


async def probed(staging: Staging, n: int) -> str | None:
    action = await act(staging, n)
    result = await action.run()
    found = await action.probe()
    if found is None and isinstance(staging.tools[0].repeat, Findable):
        return None
    return None if found == result else f"it returned {result}, the probe {found}"


async def probed_while_another_is_there(staging: Staging, n: int) -> str | None:
    await (await act(staging, 10 * n + 2)).run()
    await (await act(staging, n, "two")).run()
    ours = await act(staging, n)
    return None if (found := await ours.probe()) is None else f"nothing of ours is there; the probe says {found}"


async def probed_before_another(staging: Staging, n: int) -> str | None:
    action = await act(staging, n)
    result = await action.run()
    await (await act(staging, n + 500)).run()
    found = await action.probe()
    return None if found in (None, result) else f"it returned {result}, the probe {found}"


async def probed_after_a_longer_name(staging: Staging, n: int) -> str | None:
    await (await act(staging, 10 * n + 2)).run()
    ours = await act(staging, n)
    return None if (found := await ours.probe()) is None else f"nothing of ours is there; the probe says {found}"


async def probed_after_a_cut(staging: Staging, n: int) -> str | None:
    action = await act(staging, n)
    await _cut(action)
    found = await action.probe()
    return None if (found is not None) <= bool(await staging.count(n)) else f"nothing is there; the probe says {found}"


async def carried_on_after_a_cut(staging: Staging, n: int) -> str | None:
    """A second attempt, unless a probe says that there is nothing left to do."""
    action = await act(staging, n)
    await _cut(action)
    if not isinstance(staging.tools[0].repeat, Checkable) or await action.probe() is None:
        await steadily(action, attempt=2)
    await landed(staging)
    return None if (times := await staging.count(n)) == 1 else f"in effect {times} times"


async def _cut(action: Attempts) -> None:
    """The connection dies after the first request was answered."""
    staging = action.staging
    assert isinstance(staging, AtTheShop)
    whole = staging.ask

    async def dying(*arguments: Any, **options: Any) -> httpx.Response:
        await whole(*arguments, **options)
        raise httpx.ReadError("cut")

    staging.ask = dying  # type: ignore[method-assign]
    try:
        await action.run()
    except httpx.ReadError:
        return
    finally:
        staging.ask = whole  # type: ignore[method-assign]
    raise AssertionError("it asked for nothing")


async def probed_after_a_death_at_the_mark(staging: Staging, n: int) -> str | None:
    action = await act(staging, n)
    await _dies_at_the_mark(action)
    return None if (found := await action.probe()) is None else f"nothing is there; the probe says {found}"


async def killed_at_the_mark(staging: Staging, n: int) -> str | None:
    action = await act(staging, n)
    await landed(staging)
    before = await staging.world()
    await _dies_at_the_mark(action)
    await asyncio.sleep(0.05)
    await landed(staging)
    return None if before == await staging.world() else "it died at the mark, and the world has changed"


async def _dies_at_the_mark(action: Attempts) -> None:
    action.deadly = True
    try:
        await action.run()
    except Killed:
        return
    raise AssertionError("it never came to the mark")


# What an undo promises ------------------------------------------------------------------------------------------------


async def undone(staging: Staging, n: int) -> str | None:
    return await _undone(staging, n, lost=False, times=1)


async def undone_after_a_lost_answer(staging: Staging, n: int) -> str | None:
    return await _undone(staging, n, lost=True, times=1)


async def undone_twice(staging: Staging, n: int) -> str | None:
    return await _undone(staging, n, lost=False, times=2)


async def _undone(staging: Staging, n: int, *, lost: bool, times: int) -> str | None:
    action = await act(staging, n)
    before = await staging.world()
    await steadily(action)
    refused = None
    for _ in range(3):
        if (refused := await taken_back(action, lost=lost, times=times)) is None or "busy" not in str(refused):
            break
    after = await staging.world()
    return None if before == after else f"refused: {refused}; {before} became {after}"


async def undone_after_an_edit(staging: Staging, n: int) -> str | None:
    action = await act(staging, n)
    await steadily(action)
    await staging.edit(n)
    edited = await staging.world()
    refused = await taken_back(action)
    if edited != await staging.world():
        return "somebody's edit is lost"
    return None if refused else "the inverse says it is done, and nothing was"


async def compensated(staging: Staging, n: int) -> str | None:
    return await _compensated(staging, n, lost=False)


async def compensated_after_a_lost_answer(staging: Staging, n: int) -> str | None:
    return await _compensated(staging, n, lost=True)


async def compensated_after_another(staging: Staging, n: int) -> str | None:
    return await _compensated(staging, n, lost=False, others=1)


async def _compensated(staging: Staging, n: int, *, lost: bool, others: int = 0) -> str | None:
    undo = staging.tools[0].undo
    assert isinstance(undo, Compensable)
    assert undo.quote
    action = await act(staging, n)
    await action.run()
    for other in range(others):
        await (await act(staging, n + 500 + other)).run()
    effect = action.effect(lost=lost)
    quote = await Attempts(staging, undo.quote(effect), f"quote {n}").run()
    proposal = undo.compensate(effect)
    limited = Proposal(proposal.tool, {**proposal.arguments, undo.limit or "": quote["cost"]})
    try:
        await Attempts(staging, limited, f"compensation {n}").run()
    except ToolFailed as failed:
        return f"not compensated: {failed}"
    if await staging.count(n):
        return "compensated, and it still stands"
    paid = await staging.paid(n)
    return None if paid <= Decimal(quote["cost"]) else f"quoted {quote['cost']}, paid {paid}"
