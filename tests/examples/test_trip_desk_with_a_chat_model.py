"""The trip desk's job with a chat model over HTTP, which sees what a real one would see and nothing else."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agentkit import Conversation, Outcome
from agentkit.call import Proposal
from agentkit.planner.conversation import Exchange, Observation, ProposedCall, Reply
from agentkit_tools.booking import Booking, Octo
from agentkit_tools.calendar import Calendar, CalendarAccount
from agentkit_tools.email import Email, MailAccount
from examples.trip_desk.evidence import effects
from examples.trip_desk.script import GOAL, INSTRUCTIONS, Clerk
from examples.trip_desk.server import ROOT
from examples.trip_desk.world import World
from tests.servers.openai_chat import MODEL, OVERLOADED, RATE_LIMITED, Asked, Call, ChatServer, Said

pytestmark = pytest.mark.servers

PROGRAM = """
import asyncio, json, os
from datetime import UTC, datetime, timedelta
from examples.trip_desk.desk import desk_of
from examples.trip_desk.script import GOAL
from examples.trip_desk.world import World

async def begin(agent):
    return await agent.run(GOAL)

async def go_on(agent, id):
    run = await agent.resume(id)
    for question in run.waiting:
        await question.approve(by="ann@example.org")
    run = await agent.resume(id)
    for step in run.held:
        await asyncio.sleep(max(0, (step.held_until - datetime.now(UTC)).total_seconds()))
        await agent.advance(step.id)
    return await agent.resume(id)

async def main():
    world = World.attach(os.environ["TRIP_DESK"])
    async with desk_of(world, hold=timedelta(milliseconds=100)) as agent:
        runs = await agent.journal.runs()
        run = await (go_on(agent, runs[0].id) if runs else begin(agent))
        return {"model": agent.model.name, "status": run.status, "reason": run.reason, "answer": run.answer,
                "steps": {step.tool: step.state for step in run.steps}, "spent": dict(run.spent)}

print(json.dumps(asyncio.run(main())))
"""
"""What a process of the desk does: begin the job, or be the person who was asked and go on to its end."""


class Thinks:
    """The clerk's mind behind a chat model: everything it knows comes from the messages."""

    def __init__(self) -> None:
        nowhere, secret = "nobody@nowhere.test", SecretStr("unused")
        self._clerk = Clerk(
            Email(MailAccount(address=nowhere, password=secret, smtp_host="nowhere.test", imap_host="nowhere.test")),
            Booking(Octo(url="https://nowhere.test", token=secret)),
            Calendar(CalendarAccount(url="https://nowhere.test", username=nowhere, password=secret)),
        )

    def __call__(self, asked: Asked) -> Said:
        offered = {tool["function"]["name"] for tool in asked.tools}
        match self._clerk(conversation_in(asked.messages)):
            case str() as answer:
                return Said(answer)
            case Proposal() as proposal:
                return Said(calls=[call_of(proposal, offered)])
            case list() as proposals:
                return Said(calls=[call_of(proposal, offered) for proposal in proposals])
            case line:
                raise TypeError(f"the clerk has never said anything like {line!r}")


def call_of(proposal: Proposal[Any], offered: set[str]) -> Call:
    name = proposal.tool.replace(".", "__")
    assert name in offered, f"{name} is not among the tools: {sorted(offered)}"
    return Call(name, dict(proposal.arguments))


def conversation_in(messages: Sequence[dict[str, Any]]) -> Conversation:
    """What can be read from OpenAI messages alone."""
    told = {message["tool_call_id"]: message["content"] for message in messages if message["role"] == "tool"}
    [instructions] = [message["content"] for message in messages if message["role"] == "system"]
    [goal] = [message["content"] for message in messages if message["role"] == "user"]
    replies = [message for message in messages if message["role"] == "assistant"]
    return Conversation(goal, instructions, [exchange_in(reply, told) for reply in replies])


def exchange_in(reply: dict[str, Any], told: dict[str, str]) -> Exchange:
    calls = [
        ProposedCall(call["function"]["name"].replace("__", "."), json.loads(call["function"]["arguments"]), call["id"])
        for call in reply["tool_calls"]
    ]
    observations = [Observation(call, Outcome(**json.loads(told[call.id]))) for call in calls]
    return Exchange(Reply(reply["content"] or "", tuple(calls)), tuple(observations))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World.create(tmp_path / "world") as world:
        yield world


def desk_process(world: World, server: ChatServer) -> dict[str, Any]:
    """One process with the desk's agent in it, which finds its model in the environment."""
    environment = {"AGENTKIT_MODEL": f"openai:{MODEL}", "TRIP_DESK": str(world.folder), **server.environment}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_the_whole_job_is_done_once_by_a_model_that_knows_only_the_messages(world: World) -> None:
    with ChatServer(Thinks()) as server:
        server.faults.append(RATE_LIMITED)
        begun = desk_process(world, server)
        ended = desk_process(world, server)

    assert (begun["model"], begun["status"], begun["steps"]["booking.confirm"]) == (
        f"openai:{MODEL}",
        "waiting",
        "waiting",
    )
    assert (ended["status"], set(ended["steps"].values())) == ("finished", {"done"})
    assert ended["answer"].startswith(f"Booked {world.wish.product_title} on {world.wish.day}")

    there = effects(world)
    [booking], [event], [mail] = there.bookings, there.events, there.mails
    assert (booking.status, booking.total, booking.places) == ("CONFIRMED", world.wish.total, world.wish.people)
    assert event.summary == f"{world.wish.product_title} for {world.traveller.name}"
    assert (mail.copies, there.duplicates) == (1, ())
    assert world.wish.product_title in mail.body

    assert server.refused == []
    assert server.asked[0].messages == [
        {"role": "system", "content": INSTRUCTIONS},
        {"role": "user", "content": GOAL},
    ]
    assert ended["spent"]["model_calls"] == len(server.asked)
    assert ended["spent"]["tokens"] == 110 * len(server.asked)


def test_the_desk_survives_a_model_that_is_down_in_the_middle_of_the_job(world: World) -> None:
    clerk = Thinks()
    with ChatServer(lambda asked: OVERLOADED if len(asked.told) >= 4 else clerk(asked)) as server:
        begun = desk_process(world, server)
        server.brain = clerk
        ended = desk_process(world, server)

    assert begun["status"] == "stopped"
    assert begun["reason"].startswith(f"openai:{MODEL} did not answer (")
    assert (ended["status"], set(ended["steps"].values())) == ("finished", {"done"})
    there = effects(world)
    assert ([each.status for each in there.bookings], there.duplicates) == (["CONFIRMED"], ())
    assert (len(there.mails), len(there.events)) == (1, 1)
