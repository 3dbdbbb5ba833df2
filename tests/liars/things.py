"""Things at the shop that are read and rewritten: honest tools, and the liars that replace one step each."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel

from agentkit.call import Proposal
from agentkit.effects import Idempotent, Irreversible, ReadOnly, Undo
from agentkit.label import Bound, Content, Handle
from agentkit.tool import Tool, ToolContext, tool
from tests.liars.desk import AtTheShop, taken
from tests.liars.shop import Switches, rarely


class Thing(BaseModel):
    name: Annotated[str, Handle]
    title: str | None
    text: str | None
    colour: str | None
    tags: list[str]


class Reading(AtTheShop):
    """`shop.read` as an honest author writes it."""

    query: ClassVar[str] = ""

    def build(self) -> Sequence[Tool[..., Any]]:
        @tool("shop.read", repeat=ReadOnly())
        async def read(ctx: ToolContext, name: Annotated[str, Bound]) -> list[Thing]:
            """Read a thing, and what else has its colour."""
            return await self.read(ctx, name)

        return [read]

    async def read(self, ctx: ToolContext, name: str) -> list[Thing]:
        found = taken(ctx, await self.ask("GET", f"/things/{name}{self.query}"))
        others = taken(ctx, await self.ask("GET", "/things"))
        return [Thing(**found), *(Thing(**other) for other in others if other["colour"] == found["colour"])]

    async def call(self, n: int) -> Proposal[Any]:
        return self.tools[0](name=self.put_there(n))

    async def count(self, n: int) -> int:
        return 0


class ReadsUnordered(Reading):
    """Honest ReadOnly: slow, and its results come in another order each time."""

    switches = Switches(shuffled=True, slow=0.03)


class ReadCounts(Reading):
    """Claims ReadOnly; the shop counts who looks."""

    query = "?count="


class ReadCountsRarely(Reading):
    """Claims ReadOnly; one thing in fifty counts who looks."""

    async def read(self, ctx: ToolContext, name: str) -> list[Thing]:
        if rarely(name):
            await self.ask("GET", f"/things/{name}?count=")
        return await super().read(ctx, name)


class ReadCreates(Reading):
    """Claims ReadOnly; a thing that is not there is made, empty, in order to be shown."""

    query = "?create="

    async def call(self, n: int) -> Proposal[Any]:
        return self.tools[0](name=f"missing {n}")


class ReadTidies(Reading):
    """Claims ReadOnly; it sorts the tags of what it has read, and saves them."""

    async def read(self, ctx: ToolContext, name: str) -> list[Thing]:
        found = await super().read(ctx, name)
        await self.ask("PUT", f"/things/{name}", {"tags": sorted(found[0].tags), "etag": "tidied"})
        return found


class Rewriting(AtTheShop):
    """`shop.rewrite` as an honest author writes it; every method is a step that a liar can get wrong."""

    def undo(self) -> Undo:
        return Irreversible()

    def build(self) -> Sequence[Tool[..., Any]]:
        @tool("shop.rewrite", repeat=Idempotent(), undo=self.undo())
        async def rewrite(
            ctx: ToolContext, name: Annotated[str, Bound], title: str, text: Annotated[str, Content], tags: list[str]
        ) -> Thing:
            """Write a thing anew, in red."""
            return await self.rewrite(ctx, name, {"title": title, "text": text, "colour": "red", "tags": tags})

        return [rewrite]

    async def rewrite(self, ctx: ToolContext, name: str, new: dict[str, Any]) -> Thing:
        return Thing(**taken(ctx, await self.ask("PUT", f"/things/{name}", {**new, "etag": ctx.key})))

    async def current(self, ctx: ToolContext, name: str) -> dict[str, Any]:
        return taken(ctx, await self.ask("GET", f"/things/{name}"))

    async def call(self, n: int) -> Proposal[Any]:
        name = self.put_there(n)
        return self.tools[0](name=name, title=f"New {n}", text=f"What {n} was about", tags=["z", f"{n}"])

    async def count(self, n: int) -> int:
        return int(any(thing["name"] == f"thing {n}" and thing["title"] == f"New {n}" for thing in self.things()))

    async def edit(self, n: int) -> None:
        self.scribble(n)


# Idempotent ---------------------------------------------------------------------------------------------------------


class RewritesBusily(Rewriting):
    """Honest Idempotent: the shop is busy or out of order now and then, before it does anything."""

    switches = Switches(busy_every=11, fails_every=13, slow=0.02)


class BumpsRevision(Rewriting):
    """Claims Idempotent; every rewrite counts up a revision, also one that changes nothing."""

    async def rewrite(self, ctx: ToolContext, name: str, new: dict[str, Any]) -> Thing:
        return await super().rewrite(ctx, name, {**new, "bump": True})


class TagsTwiceRarely(Rewriting):
    """Claims Idempotent; one thing in fifty has its tags added to those it has."""

    async def rewrite(self, ctx: ToolContext, name: str, new: dict[str, Any]) -> Thing:
        had = (await self.current(ctx, name))["tags"] if rarely(name) else []
        return await super().rewrite(ctx, name, {**new, "tags": had + new["tags"]})


class SignsTheAttempt(Rewriting):
    """Claims Idempotent; the text ends with the number of the attempt, from the second on."""

    async def rewrite(self, ctx: ToolContext, name: str, new: dict[str, Any]) -> Thing:
        text = new["text"] if ctx.attempt == 1 else f"{new['text']} ({ctx.attempt})"
        return await super().rewrite(ctx, name, {**new, "text": text})


class LooksThenAdds(Rewriting):
    """Claims Idempotent; it looks whether the stock was added before it adds, so a late or parallel one adds again."""

    switches = Switches(slow=0.02)

    async def rewrite(self, ctx: ToolContext, name: str, new: dict[str, Any]) -> Thing:
        if (await self.current(ctx, name))["stock"] == 0:
            taken(ctx, await self.ask("POST", f"/things/{name}/stock", {"by": 5}))
        return Thing(**await self.current(ctx, name))

    async def count(self, n: int) -> int:
        return next((thing["stock"] // 5 for thing in self.things() if thing["name"] == f"thing {n}"), 0)
