"""An agent's tools for MCP clients: each call goes down the road, and only what is done is a success."""

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import pytest
import uvicorn
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult
from pydantic import BaseModel

from agentkit import (
    Agent,
    Bound,
    Compensable,
    Delayable,
    ExactInverse,
    Handle,
    Idempotent,
    Keyed,
    ReadOnly,
    ToolContext,
    ToolFailed,
    tool,
)
from agentkit.action import Outcome
from agentkit.errors import InvalidTool
from agentkit.policy.packs import PolicyText
from agentkit.settings import Settings
from agentkit_tools.mcp import Answer, Declaration, Exported, McpExport, McpServer
from agentkit_tools.mcp.connection import Url
from agentkit_tools.mcp.exported import NotOverThere, standing

KEY = "io.agentkit/key"
POLICY = PolicyText(
    "desk",
    """
    @id("free") @reason("small") permit (principal, action == Action::"desk.write", resource)
    when { context.args.text != "forbidden" && (context.args.text != "ask me" || context.approvals >= 1) };
    @id("rest") @reason("rest") permit (principal, action, resource) unless { action == Action::"desk.write" };
    """,
)


class Written(BaseModel):
    number: Annotated[int, Handle]


class Desk:
    """Tools that count what they did."""

    def __init__(self) -> None:
        self.lines: list[str] = []

        @tool("desk.write")
        async def write(ctx: ToolContext, text: Annotated[str, Bound]) -> Written:
            """Write a line."""
            if text == "impossible":
                raise ToolFailed("the pen is dry")
            if text == "explode":
                self.lines.append(text)
                raise RuntimeError("boom")
            await asyncio.sleep(0.05)
            self.lines.append(text)
            return Written(number=len(self.lines))

        @tool("desk.read", repeat=ReadOnly())
        async def read(ctx: ToolContext) -> list[str]:
            """Read all lines."""
            return self.lines

        @tool("desk.erase", repeat=Idempotent(), undo=ExactInverse(lambda _: write(text="again"), timedelta(hours=1)))
        async def erase(ctx: ToolContext, number: int) -> None:
            """Erase a line."""

        @tool("desk.order", repeat=Keyed(timedelta(days=1)), undo=Compensable(lambda _: write(text="x"), limit="fee"))
        async def order(ctx: ToolContext) -> None:
            """Order paper."""

        @tool("desk.post", undo=Delayable(timedelta(minutes=2)))
        async def post(ctx: ToolContext) -> None:
            """Post a letter."""

        self.tools = [write, read, erase, order, post]


@asynccontextmanager
async def client_of(desk: Desk, policy: Any = POLICY) -> AsyncGenerator[tuple[Client, Agent]]:
    agent = Agent(tools=desk.tools, policy=policy, journal="memory:", name="desk")
    async with agent, Client(McpExport(agent).server) as client:
        yield client, agent


async def write(client: Client, text: str, key: str | None = None) -> CallToolResult:
    meta: Any = {KEY: key} if key else None
    return await client.call_tool("desk.write", {"text": text}, meta=meta)


# What is told about the tools --------------------------------------------------------------------------------------


async def test_hints_never_make_a_tool_look_safer_than_it_is() -> None:
    async with client_of(Desk()) as (client, _):
        tools = {each.name: each for each in (await client.list_tools()).tools}

    told = {
        name: (hint.read_only_hint, hint.destructive_hint, hint.idempotent_hint)
        for name, each in tools.items()
        if (hint := each.annotations)
    }
    assert told == {
        "desk.read": (True, False, True),
        "desk.erase": (False, False, True),
        "desk.order": (False, True, True),
        "desk.post": (False, True, False),
        "desk.write": (False, True, False),
        "agentkit.outcome": (False, True, True),
    }


async def test_the_exact_declarations_are_told_beside_the_hints() -> None:
    async with client_of(Desk()) as (client, _):
        meta = {each.name: dict(each.meta or {}) for each in (await client.list_tools()).tools}

    assert meta["desk.write"]["io.agentkit/repeat"] == "Blind"
    assert meta["desk.write"]["io.agentkit/undo"] == "Irreversible"
    assert meta["desk.write"]["io.agentkit/arguments"] == {"text": "bound"}
    assert meta["desk.erase"]["io.agentkit/undo"] == "ExactInverse"
    assert meta["desk.erase"]["io.agentkit/within_seconds"] == 3600
    assert meta["desk.order"]["io.agentkit/retention_seconds"] == 86400
    assert meta["desk.order"]["io.agentkit/limit"] == "fee"
    assert meta["desk.post"]["io.agentkit/hold_seconds"] == 120


# What a call answers -----------------------------------------------------------------------------------------------


def test_a_tool_that_has_the_name_clients_ask_by_is_not_exported() -> None:
    @tool("agentkit.outcome")
    async def outcome(ctx: ToolContext) -> None:
        """Pretend."""

    with pytest.raises(InvalidTool, match=r"'agentkit.outcome' cannot be exported"):
        McpExport(Agent(tools=[outcome], journal="memory:"))


async def test_what_is_done_is_a_success_with_the_tools_own_result() -> None:
    desk = Desk()
    async with client_of(desk) as (client, _):
        answer = await write(client, "hello")

    assert not answer.is_error
    assert answer.structured_content["status"] == "done"
    assert answer.structured_content["result"] == {"number": 1}
    assert desk.lines == ["hello"]


@pytest.mark.parametrize(
    ("text", "status", "reason", "effects"),
    [
        ("forbidden", "refused", "", 0),
        ("impossible", "failed", "the pen is dry", 0),
        ("explode", "in_doubt", "", 1),
        ("ask me", "waiting", "", 0),
    ],
)
async def test_whatever_is_not_done_is_never_told_as_a_success(
    text: str, status: str, reason: str, effects: int
) -> None:
    desk = Desk()
    async with client_of(desk) as (client, _):
        answer = await write(client, text)

    assert answer.is_error
    assert answer.structured_content["status"] == status
    assert reason in answer.structured_content["reason"]
    assert len(desk.lines) == effects


async def test_a_held_call_says_until_when() -> None:
    async with client_of(Desk()) as (client, _):
        answer = await client.call_tool("desk.post", {})

    assert answer.is_error
    assert answer.structured_content["status"] == "held"
    assert answer.structured_content["until"]


async def test_wrong_arguments_and_unknown_tools_do_nothing() -> None:
    desk = Desk()
    async with client_of(desk) as (client, _):
        wrong = await client.call_tool("desk.write", {"text": 5})
        with pytest.raises(MCPError, match=r"no tool named 'desk.wrote'.*did you mean 'desk.write'"):
            await client.call_tool("desk.wrote", {})

    assert wrong.structured_content["status"] == "refused"
    assert desk.lines == []


# People answer elsewhere -------------------------------------------------------------------------------------------


async def test_a_call_that_waits_happens_once_a_person_has_approved_and_its_outcome_can_be_asked_for() -> None:
    desk = Desk()
    async with client_of(desk) as (client, agent):
        waiting = (await write(client, "ask me")).structured_content
        still = (await client.call_tool("agentkit.outcome", {"action": waiting["action"]})).structured_content
        [question] = await agent.waiting()
        await question.approve(by="ann@example.org")
        done = await client.call_tool("agentkit.outcome", {"action": waiting["action"]})
        again = await client.call_tool("agentkit.outcome", {"action": waiting["action"]})

    assert waiting["questions"] == still["questions"] == [question.id]
    assert done.structured_content["result"] == again.structured_content["result"] == {"number": 1}
    assert desk.lines == ["ask me"]


async def test_a_client_that_would_answer_everything_is_never_asked_anything() -> None:
    asked: list[Any] = []

    async def yes(context: Any, params: Any) -> Any:
        asked.append(params)

    agent = Agent(tools=Desk().tools, policy=POLICY, journal="memory:", name="desk")
    async with agent, Client(McpExport(agent).server, elicitation_callback=yes, sampling_callback=yes) as client:
        answer = await write(client, "ask me")

    assert answer.structured_content["status"] == "waiting"
    assert asked == []


async def test_a_client_asks_by_its_key_how_its_call_stands_and_about_no_calls_of_others() -> None:
    async with client_of(Desk()) as (client, agent):
        await write(client, "hello", "k1")
        done = await client.call_tool("agentkit.outcome", {"key": "k1"})
        unknown = await client.call_tool("agentkit.outcome", {"key": "k2"})
        await agent.act(agent.toolbox.named("desk.write")(text="private"), run="mine")
        other = await client.call_tool("agentkit.outcome", {"action": await _action(agent, "mine")})

    assert (done.structured_content["status"], done.structured_content["result"]) == ("done", {"number": 1})
    assert (unknown.is_error, unknown.structured_content["status"]) == (True, "unknown")
    assert other.is_error
    assert "no call of an MCP client has begun" in str(other.content)


# Repeated calls ----------------------------------------------------------------------------------------------------


async def test_calls_with_one_key_are_one_action_even_at_the_same_time() -> None:
    desk = Desk()
    async with client_of(desk) as (client, _):
        answers = await asyncio.gather(*(write(client, "hello", "k1") for _ in range(5)))

    assert {answer.structured_content["result"]["number"] for answer in answers} == {1}
    assert desk.lines == ["hello"]


async def test_a_key_cannot_be_used_for_another_call() -> None:
    desk = Desk()
    async with client_of(desk) as (client, _):
        await write(client, "hello", "k1")
        with pytest.raises(MCPError, match="used for another call"):
            await write(client, "bye", "k1")

    assert desk.lines == ["hello"]


async def test_calls_without_a_key_are_actions_of_their_own() -> None:
    desk = Desk()
    async with client_of(desk) as (client, _):
        await write(client, "hello")
        await write(client, "hello")

    assert desk.lines == ["hello", "hello"]


async def test_a_repeated_call_in_doubt_is_not_made_again() -> None:
    desk = Desk()
    async with client_of(desk) as (client, _):
        first = await write(client, "explode", "k1")
        second = await write(client, "explode", "k1")

    assert first.structured_content["status"] == second.structured_content["status"] == "in_doubt"
    assert desk.lines == ["explode"]


# Out and in again --------------------------------------------------------------------------------------------------

APP = '''
from pathlib import Path
from agentkit import Agent, PolicyText, ToolContext, tool

@tool("desk.write")
async def write(ctx: ToolContext, text: str) -> int:
    """Write a line."""
    with Path("lines.txt").open("a") as file:
        file.write(text + "\\n")
    return len(Path("lines.txt").read_text().splitlines())

POLICY = """
@id("free") @reason("free") permit (principal, action, resource)
when { context.args.text != "forbidden" && (context.args.text != "ask me" || context.approvals >= 1) };
"""
agent = Agent(tools=[write], policy=PolicyText("desk", POLICY), journal="sqlite:///acts.db", name="desk")
'''
AGENTKIT = str(Path(sys.executable).with_name("agentkit"))


def far(folder: Path, **options: Any) -> McpServer:
    """The app, exported by the installed command, as a near agent imports it."""
    (folder / "app.py").write_text(APP)
    declare = {"desk.write": Declaration(repeat=Exported())}
    return McpServer("far", command=[AGENTKIT, "mcp-serve", "app:agent"], folder=folder, declare=declare, **options)


@pytest.mark.servers
async def test_our_tools_exported_and_imported_again_over_stdio_stay_on_both_roads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentkit.execution.look.PROBE_AGAIN", timedelta(milliseconds=100))
    desk = far(tmp_path)
    hasty = Settings(patience=timedelta(milliseconds=1))
    async with desk, Agent(tools=desk, policy="unsafe_allow_all", journal="memory:", settings=hasty) as near:
        done = await near.act(desk["desk.write"](text="hello"))
        refused = await near.act(desk["desk.write"](text="forbidden"))
        waiting = await near.act(desk["desk.write"](text="ask me"), run="asking")

        # More often than an action may be attempted: asking is no attempt.
        action = await _action(near, "asking")
        still = [await _later(near, action) for _ in range(7)]
        async with _app(tmp_path) as journal:
            [question] = await journal.waiting()
            await question.approve(by="ann@example.org")
        while not (later := await _later(near, action)).final:
            pass

    assert done.value is not None
    assert done.value.structured["result"] == 1  # type: ignore[index]
    assert (refused.status, waiting.status) == ("failed", "unsettled")
    assert {outcome.status for outcome in still} == {"unsettled"}
    assert f"waiting, action {question.action}, questions ['{question.id}']" in waiting.reason
    assert (later.status, later.reason) == ("done", "found in the world")
    assert (tmp_path / "lines.txt").read_text() == "hello\nask me\n"


@pytest.mark.parametrize(
    ("text", "status", "effects"), [("impossible", "failed", 0), ("explode", "unsettled", 1), ("hello", "done", 1)]
)
async def test_what_another_agent_says_about_its_action_decides_ours(text: str, status: str, effects: int) -> None:
    desk = Desk()
    hasty = Settings(patience=timedelta(milliseconds=1))
    declare = {"desk.write": Declaration(repeat=Exported())}
    exported = Agent(tools=desk.tools, policy=POLICY, journal="memory:", name="desk")
    async with (
        exported,
        over_http(exported) as url,
        McpServer("far", url=url, declare=declare) as there,
        Agent(tools=there, policy="unsafe_allow_all", journal="memory:", settings=hasty) as near,
    ):
        outcome = await near.act(there["desk.write"](text=text))

    assert outcome.status == status
    assert len(desk.lines) == effects


@pytest.mark.parametrize(
    ("status", "proof"), [("refused", True), ("failed", True), ("unknown", False), ("held", False)]
)
async def test_that_another_agent_does_not_know_a_call_proves_nothing_about_it(status: str, proof: bool) -> None:
    answer = Answer(structured={"status": status})
    if proof:
        assert standing(answer) is None
    else:
        with pytest.raises(NotOverThere):
            standing(answer)


async def test_a_lost_call_that_a_forgetful_agent_does_not_know_any_more_is_never_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agentkit.execution.look.PROBE_AGAIN", timedelta(milliseconds=1))
    desk, declare = Desk(), {"desk.write": Declaration(repeat=Exported(may_land=timedelta(0)))}
    hasty = Settings(patience=timedelta(milliseconds=1))
    exported = Agent(tools=desk.tools, policy=POLICY, journal="memory:", name="desk")
    forgetful = Agent(tools=desk.tools, policy=POLICY, journal="memory:", name="desk")
    async with (
        exported,
        forgetful,
        over_http(exported) as url,
        over_http(forgetful) as elsewhere,
        McpServer("far", url=url, declare=declare) as there,
        Agent(tools=there, policy="unsafe_allow_all", journal="memory:", settings=hasty) as near,
    ):
        await near.act(there["desk.write"](text="explode"), run="lost")
        await there._connection.close()  # pyright: ignore[reportPrivateUsage]
        there._connection.line = Url(elsewhere, {})  # pyright: ignore[reportPrivateUsage]
        later = await _later(near, await _action(near, "lost"))

    assert later.status == "unsettled"
    assert "knows no such call" in later.reason
    assert desk.lines == ["explode"]


async def test_a_client_over_http_is_told_and_served_the_same(tmp_path: Path) -> None:
    desk = Desk()
    agent = Agent(tools=desk.tools, policy=POLICY, journal="memory:", name="desk")
    async with agent, over_http(agent) as url, Client(url) as client:
        names = {each.name for each in (await client.list_tools()).tools}
        answers = [await write(client, "hello", "k1"), await write(client, "hello", "k1")]
        waiting = await write(client, "ask me")

    assert names == {*(tool.name for tool in desk.tools), "agentkit.outcome"}
    assert [answer.structured_content["result"] for answer in answers] == [{"number": 1}, {"number": 1}]
    assert waiting.structured_content["status"] == "waiting"
    assert desk.lines == ["hello"]


@asynccontextmanager
async def over_http(agent: Agent) -> AsyncGenerator[str]:
    """The agent's export on 127.0.0.1, in this process."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        app = McpExport(agent).server.streamable_http_app()
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def _app(folder: Path) -> AsyncGenerator[Agent]:
    """The far agent's journal, as a person's program opens it."""

    @tool("desk.write")
    async def write(ctx: ToolContext, text: str) -> int:
        """Write a line."""
        raise AssertionError("only the far process writes")

    journal = f"sqlite:///{folder / 'acts.db'}"
    async with Agent(tools=[write], policy="unsafe_allow_all", journal=journal, name="desk") as agent:
        yield agent


async def _later(agent: Agent, action: str) -> Outcome[Any]:
    await asyncio.sleep(0.11)
    return await agent.advance(action)


async def _action(agent: Agent, run: str) -> str:
    [action] = await agent.journal.actions(run)
    return action.id
