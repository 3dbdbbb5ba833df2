"""Things that are rewritten and restored: honest tools, and the liars that replace one step each."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

from agentkit.call import Proposal
from agentkit.effects import Effect, ExactInverse, Idempotent, Undo
from agentkit.errors import ToolFailed
from agentkit.label import Bound
from agentkit.tool import Tool, ToolContext, tool
from tests.liars.desk import taken
from tests.liars.shop import CONTENT, Switches, rarely
from tests.liars.things import Rewriting, Thing


class Restoring(Rewriting):
    """Honest ExactInverse: keeps what was there, and restores it where the version is the one it wrote."""

    def undo(self) -> Undo:
        return ExactInverse(self.inverse)

    def inverse(self, effect: Effect[Any]) -> Proposal[Any] | None:
        if effect.before is None:
            return None
        return self.tools[1](name=effect.arguments["name"], old=effect.before, written=effect.key)

    def build(self) -> Sequence[Tool[..., Any]]:
        @tool("shop.restore", repeat=Idempotent())
        async def restore(ctx: ToolContext, name: Annotated[str, Bound], old: dict[str, Any], written: str) -> str:
            """Put back what a thing said."""
            await self.restore(ctx, name, old, written)
            return name

        return [*super().build(), restore]

    async def rewrite(self, ctx: ToolContext, name: str, new: dict[str, Any]) -> Thing:
        before = await ctx.point_of_no_return(before=await self.current(ctx, name))
        answer = await self.ask("PUT", f"/things/{name}", {**new, "etag": ctx.key}, If_Match=before["etag"])
        if answer.status_code == 412 and answer.json()["etag"] != ctx.key:
            return self.refuse(ctx, f"somebody has edited {name}")
        return Thing(**(answer.json() if answer.status_code == 412 else taken(ctx, answer)))

    async def restore(self, ctx: ToolContext, name: str, old: dict[str, Any], written: str) -> None:
        content = {field: old[field] for field in CONTENT}
        answer = await self.ask("PUT", f"/things/{name}", {**content, "etag": f"undo-{written}"}, If_Match=written)
        if answer.status_code != 412:
            taken(ctx, answer)
        elif answer.json()["etag"] not in (f"undo-{written}", old["etag"]):
            self.refuse(ctx, f"somebody has edited {name} since")

    def refuse(self, ctx: ToolContext, reason: str) -> Any:
        """An earlier attempt may have done something, so only the first can say that nothing happened."""
        raise (ToolFailed(reason) if ctx.attempt == 1 else RuntimeError(reason))


class RestoresSlowly(Restoring):
    """Honest ExactInverse, 50 ms a request, busy now and then."""

    switches = Switches(slow=0.04, busy_every=17)


class ForgetsColour(Restoring):
    """Claims ExactInverse; the colour stays red."""

    async def restore(self, ctx: ToolContext, name: str, old: dict[str, Any], written: str) -> None:
        await super().restore(ctx, name, {**old, "colour": "red"}, written)


class ForgetsTextRarely(Restoring):
    """Claims ExactInverse; one thing in fifty gets its text back without its last word."""

    async def restore(self, ctx: ToolContext, name: str, old: dict[str, Any], written: str) -> None:
        text = old["text"].rpartition(" ")[0] if rarely(name) else old["text"]
        await super().restore(ctx, name, {**old, "text": text}, written)


class SortsTags(Restoring):
    """Claims ExactInverse; the tags come back in the order of the alphabet."""

    async def restore(self, ctx: ToolContext, name: str, old: dict[str, Any], written: str) -> None:
        await super().restore(ctx, name, {**old, "tags": sorted(old["tags"])}, written)


class OverwritesEdit(Restoring):
    """Claims ExactInverse; it restores whatever has been written since."""

    async def restore(self, ctx: ToolContext, name: str, old: dict[str, Any], written: str) -> None:
        content = {field: old[field] for field in CONTENT}
        taken(ctx, await self.ask("PUT", f"/things/{name}", {**content, "etag": f"undo-{written}"}))


class GuardsBySecond(Restoring):
    """Claims ExactInverse; it looks at the second of the last change, so an edit in the same second is lost."""

    async def restore(self, ctx: ToolContext, name: str, old: dict[str, Any], written: str) -> None:
        now = await self.current(ctx, name)
        if now["etag"] in (f"undo-{written}", old["etag"]):
            return
        content = {field: old[field] for field in CONTENT}
        row = self.written_at.get(written, now["second"])
        answer = await self.ask("PUT", f"/things/{name}", {**content, "etag": f"undo-{written}"}, If_Second=str(row))
        if answer.status_code == 412:
            self.refuse(ctx, f"somebody has edited {name} since")

    async def rewrite(self, ctx: ToolContext, name: str, new: dict[str, Any]) -> Thing:
        done = await super().rewrite(ctx, name, new)
        self.written_at[ctx.key] = (await self.current(ctx, name))["second"]
        return done

    async def __aenter__(self) -> Self:
        self.written_at: dict[str, int] = {}
        return await super().__aenter__()


class GuardsTwoFields(OverwritesEdit):
    """Claims ExactInverse; it compares title and text before it writes, and drops an edit of colour or tags."""

    async def restore(self, ctx: ToolContext, name: str, old: dict[str, Any], written: str) -> None:
        now = await self.current(ctx, name)
        number = name.removeprefix("thing ")
        ours = (f"New {number}", f"What {number} was about")
        if (now["title"], now["text"]) not in (ours, (old["title"], old["text"])):
            self.refuse(ctx, f"somebody has edited {name} since")
        await super().restore(ctx, name, old, written)


class LooksThenRestores(OverwritesEdit):
    """Claims ExactInverse; it looks at the version and then writes without one, once in fifty without looking."""

    async def restore(self, ctx: ToolContext, name: str, old: dict[str, Any], written: str) -> None:
        now = await self.current(ctx, name)
        if now["etag"] not in (written, f"undo-{written}", old["etag"]) and not rarely(name):
            self.refuse(ctx, f"somebody has edited {name} since")
        await super().restore(ctx, name, old, written)


class RestoresWithResultOnly(Restoring):
    """Claims ExactInverse; after a lost answer it guards by a version that never was, and restores nothing."""

    def inverse(self, effect: Effect[Any]) -> Proposal[Any] | None:
        proposal = super().inverse(effect)
        lost = proposal is not None and effect.result is None
        return self.tools[1](**{**proposal.arguments, "written": "unknown"}) if proposal and lost else proposal


class AddingStock(Restoring):
    """Claims ExactInverse; it takes off what was added, and taking back twice takes it off twice."""

    async def rewrite(self, ctx: ToolContext, name: str, new: dict[str, Any]) -> Thing:
        before = await ctx.point_of_no_return(before=await self.current(ctx, name))
        if (await self.current(ctx, name))["stock"] == before["stock"]:
            taken(ctx, await self.ask("POST", f"/things/{name}/stock", {"by": 5}))
        return Thing(**await self.current(ctx, name))

    async def restore(self, ctx: ToolContext, name: str, old: dict[str, Any], written: str) -> None:
        if (await self.current(ctx, name))["etag"] != old["etag"]:
            self.refuse(ctx, f"somebody has edited {name} since")
        taken(ctx, await self.ask("POST", f"/things/{name}/stock", {"by": -5}))

    async def count(self, n: int) -> int:
        return int(any(thing["name"] == f"thing {n}" and thing["stock"] >= 5 for thing in self.things()))
