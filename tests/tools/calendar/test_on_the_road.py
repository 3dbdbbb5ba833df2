"""Calendar actions on the whole road: a run changes events, its undo plan says what it can, and restores them."""

import pytest

from agentkit import Agent, ScriptedModel
from agentkit_tools.calendar import Calendar
from tests.servers.radicale import Radicale

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("radicale")]

TIMES = {"start": "2026-12-01T10:00:00+01:00", "end": "2026-12-01T11:00:00+01:00"}


async def run_of(kit: Calendar, journal: str, *steps):
    """Carry the calls out, each approved, and return the agent's undo plan of them."""
    async with Agent(ScriptedModel([*steps, "Done."]), tools=[*kit], journal=journal) as agent:
        run = await agent.run("Tidy my calendar.")
        while run.waiting:
            for question in run.waiting:
                await question.approve(by="me@example.org")
            run = await agent.resume(run.id)
        plan = await agent.undo_plan(run.id)
        return run, plan, (await plan.carry_out(by="me@example.org")).status


@pytest.mark.parametrize("what", ["update", "delete", "create"])
async def test_a_run_is_rolled_back_to_the_byte(server: Radicale, kit, do, what, tmp_path):
    event = await do(kit.create_event("Choir", **TIMES)).attempt()
    before = server.objects()
    step = {
        "update": kit.update_event(event.url, event.etag, summary="Orchestra"),
        "delete": kit.delete_event(event.url, event.etag),
        "create": kit.create_event("Orchestra", **TIMES),
    }[what]
    run, plan, status = await run_of(kit, f"sqlite:///{tmp_path}/acts.db", step)
    assert run.status == "finished"
    assert len(plan.restores) == 1
    assert status == "rolled_back"
    assert server.objects() == before


async def test_a_lost_answer_is_looked_into_and_the_deletion_still_taken_back(server: Radicale, kit, do, tmp_path):
    event = await do(kit.create_event("Choir", **TIMES)).attempt()
    before = server.objects()
    server.wire.arm("DELETE", "lose answer")
    step = kit.delete_event(event.url, event.etag)
    _, plan, status = await run_of(kit, f"sqlite:///{tmp_path}/acts.db", step)
    assert len(plan.restores) == 1
    assert status == "rolled_back"
    assert server.objects() == before


async def test_what_somebody_deletes_between_our_look_and_our_deletion_stays_deleted(
    server: Radicale, kit, do, tmp_path
):
    event = await do(kit.create_event("Choir", **TIMES)).attempt()
    server.wire.meanwhile("DELETE", lambda: server.remove(event.url))
    step = kit.delete_event(event.url, event.etag)
    run, plan, _ = await run_of(kit, f"sqlite:///{tmp_path}/acts.db", step)
    assert run.status == "finished"
    assert [*plan.restores] == []
    assert server.objects() == {}


async def test_a_meeting_is_listed_as_compensated_and_says_whom_it_reaches(server: Radicale, kit, tmp_path):
    step = kit.meetings.create_meeting("Choir", **TIMES, attendees=["bob@example.org"])
    _, plan, _ = await run_of(kit, f"sqlite:///{tmp_path}/acts.db", step)
    assert [*plan.restores] == []
    assert "bob@example.org have to be told" in " ".join(each.in_words() for each in plan.compensates)
    assert server.objects() == {}
