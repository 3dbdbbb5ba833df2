"""A trip with everything that can and cannot be taken back; what happened is written into a file, line by line."""

import asyncio
import os
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel

from agentkit import Agent
from agentkit.call import Proposal
from agentkit.effects import Compensable, Delayable, Effect, ExactInverse, Idempotent, Keyed, Quote, ReadOnly
from agentkit.errors import ToolFailed
from agentkit.label import Handle
from agentkit.settings import Settings
from agentkit.tool import Tool, ToolContext, tool

ALLOW = "unsafe_allow_all"
HOUR = timedelta(hours=1)
DESK = Settings(patience=timedelta(milliseconds=100))


class Room(BaseModel):
    uuid: Annotated[str, Handle]


@dataclass
class Trip:
    """The hands, and the world as lines of a file."""

    file: Path
    cost: str = "12.50"
    fails: set[str] = field(default_factory=set[str])
    """Lines that cannot be written: the tool says that nothing happened."""
    dies_at: str = ""
    """A line after which the process is gone."""
    doubtful: set[str] = field(default_factory=set[str])
    """Lines after which the acknowledgement is lost."""

    @property
    def lines(self) -> list[str]:
        return self.file.read_text().splitlines() if self.file.exists() else []

    def write(self, line: str, key: str | None = None) -> None:
        if line in self.fails:
            raise ToolFailed(f"cannot {line}")
        seen = self.file.with_suffix(".keys")
        if key and seen.exists() and key in seen.read_text():
            return
        with self.file.open("a") as out:
            out.write(line + "\n")
        if key:
            with seen.open("a") as keys:
                keys.write(key + "\n")
        if line == self.dies_at:
            os._exit(9)
        if line in self.doubtful:
            raise ConnectionResetError("reset by peer")

    @property
    def tools(self) -> list[Tool[..., Any]]:
        @tool("room.release", repeat=Idempotent())
        async def release(ctx: ToolContext, room: str) -> None:
            self.write("release " + room, ctx.key)

        @tool("room.book", repeat=Keyed(HOUR), undo=ExactInverse(lambda done: release(done.arguments["room"])))
        async def book(ctx: ToolContext, room: str) -> Room:
            self.write("book " + room, ctx.key)
            return Room(uuid="uuid-of-" + room)

        @tool("room.look", repeat=ReadOnly())
        async def look(ctx: ToolContext, room: str) -> str:
            return "a room"

        @tool("room.strip", repeat=Keyed(HOUR))
        async def strip(ctx: ToolContext, uuid: str) -> None:
            self.write("strip " + uuid, ctx.key)

        @tool("room.decorate", repeat=Keyed(HOUR), undo=ExactInverse(lambda done: strip(done.arguments["uuid"])))
        async def decorate(ctx: ToolContext, uuid: str) -> None:
            self.write("decorate " + uuid, ctx.key)

        @tool("room.paint", repeat=Keyed(HOUR))
        async def paint(ctx: ToolContext, uuid: str) -> None:
            self.write("paint " + uuid, ctx.key)

        @tool("flight.fee", repeat=ReadOnly())
        async def fee(ctx: ToolContext, ticket: str) -> Quote:
            if self.cost == "unknown":
                raise ToolFailed("the airline is closed")
            return Quote(Decimal(self.cost), "EUR", note="90 % back")

        @tool("flight.refund", repeat=Keyed(HOUR))
        async def refund(ctx: ToolContext, ticket: str, at_most: str = "none") -> None:
            self.write(f"refund {ticket} for {at_most}", ctx.key)

        def counter(done: Effect[Any]) -> Proposal[Any]:
            return refund("t-" + done.key[:4])

        def price(done: Effect[Any]) -> Proposal[Quote]:
            return fee("t-" + done.key[:4])

        @tool("flight.buy", repeat=Keyed(HOUR), undo=Compensable(counter, price, limit="at_most"))
        async def buy(ctx: ToolContext, to: str) -> None:
            self.write("buy " + to, ctx.key)

        @tool("mail.send", repeat=None, undo=None)
        async def send(ctx: ToolContext, to: str) -> None:
            self.write("send " + to)

        @tool("mail.later", undo=Delayable(HOUR))
        async def later(ctx: ToolContext, to: str) -> None:
            self.write("later " + to)

        return [release, book, look, strip, decorate, paint, fee, refund, buy, send, later]

    def agent(self, journal: str = "memory:", policy: str = ALLOW, model: Any = None, **more: Any) -> Agent:
        return Agent(model, tools=self.tools, policy=policy, journal=journal, name="desk", settings=DESK, **more)


def do(name: str, **arguments: str) -> Proposal[Any]:
    return Proposal(name, arguments)


async def script(agent: Agent, *proposals: Proposal[Any], run: str = "trip") -> list[str]:
    """Act one after another; returns the actions' ids."""
    for proposal in proposals:
        await agent.act(proposal, run=run)
    return [action.id for action in await agent.journal.actions(run)]


def book_and_undo_and_die(url: str, file: Path, dies_at: str) -> None:
    """To be run as a process of its own."""

    async def main() -> None:
        trip = Trip(file, dies_at=dies_at)
        async with trip.agent(url) as agent:
            await script(agent, do("room.book", room="a"), do("room.book", room="b"), do("room.book", room="c"))
            await (await agent.undo_plan("trip")).carry_out(by="ann")

    asyncio.run(main())
