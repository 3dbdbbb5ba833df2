"""The bench a tool is put on: its staging, the hands that make attempts, and the ways to look and to wait."""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

from agentkit.action import Action
from agentkit.call import Proposal
from agentkit.effects import Checkable, Effect, Findable
from agentkit.errors import DeveloperMistake, InvalidToolCall
from agentkit.tool import Tool
from agentkit.toolbox import Toolbox
from agentkit_tools.testing.attempt import Attempt, Order, action_of
from agentkit_tools.testing.faults import (
    Death,
    DeathAtTheMark,
    Fault,
    HungUp,
    LateRequest,
    LostAnswer,
    OnTheWire,
    Silence,
    Stopped,
    Undelivered,
)
from agentkit_tools.testing.hand import Hand
from agentkit_tools.testing.report import Counterexample, Lie, differences
from agentkit_tools.testing.staging import Staging
from agentkit_tools.testing.wire import Armed, Wire

GRACE: Final = 0.1
"""Seconds that a server on this machine may take for what it was sent last."""
LONGEST_REST: Final = 5.0
"""Seconds of `may_land` that are waited before an accusation that does not rest on `may_land`."""
SILENT_FOR: Final = 0.06
"""The least seconds until an attempt without an answer is ended, as the road does at the tool's time limit."""
LOOKS: Final = 0.02
"""Seconds between two looks at a world that is not yet as it should be."""


Kind = type[Death] | type[LostAnswer] | type[HungUp] | type[Undelivered] | type[LateRequest] | type[Silence]
"""A fault that can strike at several places."""
KINDS: Final[tuple[Kind, ...]] = (LostAnswer, HungUp, Undelivered, LateRequest, Silence, Death)


class Falsified(Exception):
    """A claim does not hold."""

    def __init__(self, lie: Lie) -> None:
        super().__init__(lie.what)
        self.lie = lie


@dataclass
class Case:
    """One call of the staging, and everything that was done about it."""

    n: int
    proposal: Proposal[Any]
    order: Order
    action: Action
    fault: str = ""
    steps: list[str] = field(default_factory=list[str])
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    late: list[Armed] = field(default_factory=list[Armed])

    @property
    def before(self) -> Any:
        """What the first attempt said was there."""
        return next((a.before for a in self.attempts if a.before is not None), None)

    def effect(self, result: Any = None) -> Effect[Any]:
        """What an inverse is made from; `result` is JSON."""
        typed = None if result is None else self.action.tool.loaded(result)
        return Effect(self.order.key, self.action.keywords(), typed, self.before)

    def owns(self, line: str) -> bool:
        """Whether a line about the world names something that only this call has."""
        leaves = [self.order.key, self.action.id, *map(str, _leaves(dict(self.proposal.arguments)))]
        return any(len(leaf) > 2 and leaf in line for leaf in leaves)


@dataclass
class Bench:
    """Everything the checks need. `forks` says whether what a forked process does is seen by the staging."""

    staging: Staging
    wire: Wire
    toolbox: Toolbox
    first: Hand
    second: Hand
    forks: bool = True
    lag: float = 0.0
    """Seconds that the slowest of the first effects took to show."""
    pace: float = 0.0
    """Seconds that an attempt without a fault takes."""
    requests: int = 0
    answers: int = 0
    points: tuple[str, ...] = ()
    telling_answer: int = 0
    """The answer that is the first to come after the effect; 0: not known."""
    telling_request: int = 0
    expected: dict[int, tuple[Case, int, str, str]] = field(default_factory=dict[int, tuple[Case, int, str, str]])
    _made: int = 0
    _slots: "count[int]" = field(default_factory=count)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict[str, asyncio.Lock])

    @property
    def tool(self) -> Tool[..., Any]:
        """The one under test."""
        return self.staging.tools[0]

    @property
    def settles(self) -> float:
        """Seconds that the world goes on changing by itself, as far as the staging says."""
        return self.staging.settles.total_seconds()

    @property
    def may_land(self) -> float:
        """Seconds after an attempt in which its effect may appear, as the tool declares."""
        repeat = self.tool.repeat
        return repeat.may_land.total_seconds() if isinstance(repeat, Checkable | Findable) else 0.0

    @property
    def rest(self) -> float:
        """Seconds to wait for the world before anybody is accused."""
        return max(self.settles, min(self.may_land, LONGEST_REST), 3 * self.lag) + GRACE

    @property
    def calls_so_far(self) -> int:
        """How many calls the staging was asked for."""
        return self._made

    # Doing -----------------------------------------------------------------------------------------------------------

    async def case(self) -> Case:
        """The staging's next call, with a key of its own."""
        n, self._made = self._made, self._made + 1
        proposal = await self.staging.call(n)
        order = self.order(proposal)
        try:
            return Case(n, proposal, order, action_of(order, self.toolbox))
        except InvalidToolCall as invalid:
            raise DeveloperMistake(f"call({n}) of the staging is not valid: {invalid}") from None

    async def attempt(self, case: Case, fault: Fault | None = None, *, by: Hand | None = None) -> Attempt:
        """Make the case's next attempt."""
        order = replace(case.order, number=len(case.attempts) + 1, before=case.before)
        came = await self.make(order, fault, by=by or self.first, late=case.late)
        case.attempts.append(came)
        if fault is not None and came.seen:
            case.fault = str(fault)
        case.steps.append(f"attempt {order.number}{f' ({fault})' if fault else ''}: {came}")
        return came

    async def stopped_at_the_mark(self, case: Case) -> Attempt:
        """An attempt that is told to stop at its mark, in a process whose cut points are counted."""
        return await self.first.die(replace(case.order, at_the_mark="stop"), Death(None))

    async def probe(self, case: Case, *, key: str | None = None) -> Attempt:
        """Ask the tool's probe about the case, or about another action with the same arguments."""
        order = replace(case.order, what="probe", number=max(len(case.attempts), 1))
        if key is not None:
            order = replace(order, key=key, slot=next(self._slots))
        came = await self.make(order, None, by=self.second)
        whose = "" if key is None else " for another action with the same arguments"
        case.steps.append(f"probe{whose}: {came}")
        return came

    async def counter(self, case: Case, proposal: Proposal[Any], *, of: Order | None = None) -> tuple[Order, Attempt]:
        """Carry out an inverse, a compensation or a quote: a new action, or with `of` that one once more."""
        order = replace(of, number=of.number + 1) if of else self.order(proposal)
        try:
            came = await self.make(order, None, by=self.second)
        except InvalidToolCall as invalid:
            raise DeveloperMistake(f"what {self.tool.name} is taken back by is not valid: {invalid}") from None
        again = " again" if of else ""
        case.steps.append(f"{proposal.tool}({_arguments(proposal.arguments)}){again}: {came}")
        return order, came

    async def make(self, order: Order, fault: Fault | None, *, by: Hand, late: list[Armed] | None = None) -> Attempt:
        """Carry out an order with its fault."""
        match fault:
            case None:
                return await by.do(order)
            case Stopped():
                came = await by.do(replace(order, at_the_mark="stop"))
                return replace(came, seen=came.marked)
            case DeathAtTheMark():
                return await by.die(replace(order, at_the_mark="die"), None)
            case Death():
                return await by.die(order, fault)
            case _:
                return await self._on_the_wire(order, fault, by, [] if late is None else late)

    async def _on_the_wire(self, order: Order, fault: OnTheWire, by: Hand, late: list[Armed]) -> Attempt:
        async with self._locks.setdefault(by.name, asyncio.Lock()):
            armed = self.wire.arm(by.name, fault)
            if isinstance(fault, Silence):
                order = replace(order, seconds=min(order.seconds, max(SILENT_FOR, 4 * self.pace)))
            came = await by.do(order)
            await self.wire.disarm(by.name)
        if armed.late:
            late.append(armed)
        return replace(came, seen=armed.seen, requests=armed.requests, answers=armed.answers)

    async def release(self, case: Case) -> None:
        """Let what is late arrive."""
        for armed in case.late:
            await self.wire.release(armed)
            case.steps.append("the late request arrived")
        case.late.clear()

    def order(self, proposal: Proposal[Any]) -> Order:
        """A new action: with a key and an id of its own."""
        tool = self.toolbox.named(proposal.tool)
        return Order(
            proposal.tool, dict(proposal.arguments), next(self._slots), secrets.token_hex(32),
            datetime.now(UTC).isoformat(), seconds=tool.timeout.total_seconds(),
        )  # fmt: skip

    # Looking ---------------------------------------------------------------------------------------------------------

    async def count(self, case: Case) -> int:
        """How often it is there now."""
        return await self.staging.count(case.n)

    async def counted(self, case: Case, wanted: int) -> int:
        """How often it is there, once that is what is wanted or the time to rest is over."""
        return await soon(lambda: self.staging.count(case.n), lambda there: there == wanted, self.rest)

    async def world(self) -> Any:
        """The world as it is when it has settled."""
        if self.settles:
            await asyncio.sleep(self.settles)
        return await self.staging.world()

    async def like(self, wanted: Any) -> Any:
        """The world, once it is as wanted or the time to rest is over."""
        return await soon(self.staging.world, lambda there: not differences(wanted, there), self.rest)

    # Judging ---------------------------------------------------------------------------------------------------------

    def expect(self, case: Case, times: int, claim: str, what: str) -> None:
        """Remember how often it must be there, to look once more when the check is over."""
        self.expected[case.n] = (case, times, claim, what)

    async def look_again(self) -> None:
        """Whatever came late must be there by now.

        Raises:
            Falsified: something came that must not.
        """
        expected, self.expected = self.expected, {}
        if expected:
            await asyncio.sleep(self.rest if self.settles else GRACE)
        for case, times, claim, what in expected.values():
            there = await self.count(case)
            if there != times:
                there = await self.counted(case, times)
            if there != times:
                case.steps.append(f"later: count is {there}")
                raise self.falsified(claim, what, case)

    async def truthful(self, case: Case) -> None:
        """`ToolFailed` is a word of honour: nothing happened.

        Raises:
            Falsified: it did.
        """
        last = case.attempts[-1]
        if last.ended != "failed" or not (last.ever or all(a.ended == "failed" for a in case.attempts)):
            return
        what = "it raised ToolFailed, and yet it took effect"
        if there := await self.count(case):
            case.steps.append(f"count: {there}")
            raise self.falsified("ToolFailed", what, case)
        self.expect(case, 0, "ToolFailed", what)

    def falsified(self, claim: str, what: str, case: Case, difference: list[str] | None = None) -> Falsified:
        """The accusation, with everything that was done."""
        example = Counterexample(
            case.proposal.tool, dict(case.proposal.arguments), case.fault, list(case.steps), difference or []
        )
        return Falsified(Lie(claim, what, example))

    # Faults ----------------------------------------------------------------------------------------------------------

    def fault(self, kind: Kind, number: int) -> Fault:
        """The number-th fault of a kind: every place has its turn, and every other time it is the telling one."""
        places, telling = self.places(kind)
        if number % 2 and telling:
            return kind(telling)
        return kind(1 + (number // 2 if telling else number) % places)

    def places(self, kind: Kind) -> tuple[int, int]:
        """How many places there are for faults of a kind, and which one tells most."""
        if kind is Death:
            return (len(self.points) if self.forks else 0), 0
        if kind in (LostAnswer, Silence):
            return self.answers, self.telling_answer
        return self.requests, self.telling_request

    def impossible(self, kind: Kind) -> str:
        """Why faults of this kind cannot be made; empty when they can."""
        if self.places(kind)[0]:
            return ""
        if kind is Death:
            if not self.forks:
                return "what a forked process does is not seen by count(n): the world lives in the memory of this one"
            return "no commit, socket write or file of the tool was seen"
        return "the tool was not seen to speak to a server over a socket"


async def soon(look: Callable[[], Any], wanted: Callable[[Any], bool], seconds: float) -> Any:
    """Look until it is as wanted, or for so long."""
    until = time.monotonic() + seconds
    pause = LOOKS
    while not wanted(there := await look()) and time.monotonic() < until:
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.5)
    return there


def _arguments(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in _leaves(each)]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [leaf for each in value for leaf in _leaves(each)]  # pyright: ignore[reportUnknownVariableType]
    return [value]
