"""What a process of the sweep does: take the trip desk's job, or its undo, to its end, from wherever it stands."""

import asyncio
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any

from agentkit import Agent, Run, ToolContext
from agentkit.approval.question import Question
from agentkit.toolbox import Toolbox
from examples.trip_desk.desk import desk_of
from examples.trip_desk.evidence import effects
from examples.trip_desk.script import GOAL
from examples.trip_desk.world import World

PERSON = "the sweep"


async def drive_trip(world: World, **mail: Any) -> dict[str, Any]:
    """The job, with a person who approves, and who settles a doubt by looking at the server."""
    return await _drive(world, desk_of(world, hold=timedelta(milliseconds=50), **mail))


async def drive_forgetful_trip(world: World) -> dict[str, Any]:
    """The same with a planted fault, to see that the sweep would notice: each reservation takes a new key."""
    agent = desk_of(world, hold=timedelta(milliseconds=50), copy_is_proof=True)
    reserve = agent.toolbox.named("booking.reserve")

    async def forget(ctx: ToolContext, **arguments: Any) -> Any:
        return await reserve.function(replace(ctx, key=secrets.token_hex(32), attempt=1), **arguments)

    forgetful = [replace(tool, function=forget) if tool is reserve else tool for tool in agent.toolbox]
    agent.toolbox = Toolbox(forgetful)
    return await _drive(world, agent)


async def _drive(world: World, agent: Agent) -> dict[str, Any]:
    doubts: list[str] = []
    async with agent:
        runs = await agent.journal.runs(kind="goal")
        run = await (agent.resume(runs[0].id) if runs else agent.run(GOAL))
        while not _over(run):
            for question in run.questions:
                if question.kind == "settle":
                    doubts.append(question.tool)
                    await agent.settle(question.action, happened=_happened(world, question), by=PERSON)
                else:
                    await question.approve(by=PERSON)
            for step in run.steps:
                if step.state in ("held", "started"):
                    await asyncio.sleep(0.05)
                    await agent.advance(step.id)
            run = await agent.resume(run.id)
    return {"status": run.status, "states": {step.tool: step.state for step in run.steps}, "doubts": doubts}


async def drive_undo(world: World) -> dict[str, Any]:
    """The undo of the finished job: the first one that was approved, or a new one."""
    async with desk_of(world) as agent:
        [run] = await agent.journal.runs(kind="goal")
        approved = [u for u in await agent.journal.runs(kind="undo") if u.plan and u.plan["approved"]]
        if approved:
            undo = await agent.resume(approved[0].id)
        else:
            undo = await (await agent.undo_plan(run.id)).carry_out(by=PERSON)
    return {"status": undo.status, "report": undo.answer, "undos": len(approved)}


def _over(run: Run) -> bool:
    open_states = ("proposed", "waiting", "held", "started", "in_doubt")
    return run.status == "finished" and not any(step.state in open_states for step in run.steps)


def _happened(world: World, question: Question) -> bool:
    return any(mail.action == question.action for mail in effects(world).mails)
