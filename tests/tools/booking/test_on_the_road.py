"""Bookings on the whole road, at both servers: lost answers are settled, runs are taken back, plans tell the truth."""

import pytest

from agentkit import Agent, ScriptedModel
from tests.tools.booking.sites import Site

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("booking"), pytest.mark.timeout(600)]


class Clerk:
    """Reserves, extends and confirms one place, from what the tools return."""

    def __init__(self, site: Site, where: str = "roomy") -> None:
        self.site, self.where = site, where

    def __call__(self, seen):
        kit = self.site.kit
        if not (held := seen.results("booking.reserve")):
            return kit.reserve(**self.site.wish(self.where))
        if not seen.results("booking.extend"):
            return kit.extend(held[0]["uuid"], 120)
        if not seen.results("booking.confirm"):
            return kit.confirm(**self.site.agreed(held[0]["uuid"]))
        return "Booked."


class Desk:
    """An agent with one clerk, and a person who agrees to everything."""

    def __init__(self, site: Site, journal: str, where: str = "roomy") -> None:
        self.agent = Agent(ScriptedModel(Clerk(site, where)), tools=[*site.kit], journal=journal)

    async def __aenter__(self):
        await self.agent.__aenter__()
        self.run = await self.agent.run("Book a place.")
        while self.run.waiting:
            for question in self.run.waiting:
                await question.approve(by="me@example.org")
            self.run = await self.agent.resume(self.run.id)
        return self

    async def __aexit__(self, *error):
        await self.agent.__aexit__(*error)

    async def undone(self):
        """The plan, and how carrying it out ended."""
        plan = await self.agent.undo_plan(self.run.id)
        return plan, (await plan.carry_out(by="me@example.org")).status

    @property
    def uuid(self):
        outcome = self.run.steps[0].outcome
        assert outcome
        return outcome.result["uuid"]

    @property
    def states(self):
        return {step.tool: step.state for step in self.run.steps}


DONE = {"booking.reserve": "done", "booking.extend": "done", "booking.confirm": "done"}


@pytest.mark.parametrize("lost", [None, "reserve", "confirm"])
async def test_a_booking_is_made_once_whichever_answer_is_lost(site, lost, tmp_path):
    standing, taken = site.standing(), site.proxy.taken
    if lost:
        site.proxy.drop_answers(of=site.wire[lost])
    async with Desk(site, f"sqlite:///{tmp_path}/acts.db") as desk:
        assert desk.states == DONE
        uuid = desk.uuid
    assert site.proxy.taken == taken + (lost is not None)
    assert (site.standing(), site.status(uuid)) == (standing + 1, "CONFIRMED")


async def test_an_extension_leaves_no_trace_of_whose_it_is_so_a_person_is_asked(site, tmp_path):
    site.proxy.drop_answers(of=site.wire["extend"])
    async with Desk(site, f"sqlite:///{tmp_path}/acts.db") as clerk:
        (doubt,) = clerk.run.in_doubt
        await clerk.agent.settle(doubt.id, happened=True, by="me@example.org")
        assert (doubt.tool, (await clerk.agent.journal.action(doubt.id)).state) == ("booking.extend", "done")


async def test_a_confirmation_that_another_cancels_before_it_is_seen_is_no_failure(site, tmp_path, monkeypatch):
    """Its answer is lost; what the supplier keeps is not nothing, so a person is asked."""
    kind, found = type(site.kit._provider), type(site.kit._provider).find
    site.proxy.drop_answers(of=site.wire["confirm"])

    async def find(self, uuid):
        if site.status(uuid) == "CONFIRMED":
            site.cancel_as_another(uuid)
        return await found(self, uuid)

    monkeypatch.setattr(kind, "find", find)
    async with Desk(site, f"sqlite:///{tmp_path}/acts.db") as clerk:
        assert site.status(clerk.uuid) == "CANCELLED"
        assert clerk.states["booking.confirm"] not in ("failed", "done")


@pytest.mark.parametrize("lost", [None, "cancel"])
async def test_a_run_is_taken_back_at_the_quoted_fee(site, lost, tmp_path):
    standing, taken = site.standing(), site.proxy.taken
    async with Desk(site, f"sqlite:///{tmp_path}/acts.db") as desk:
        uuid = desk.uuid
        if lost:
            site.proxy.drop_answers(of=site.wire[lost])
        plan, _ = await desk.undone()
    assert [step.cost and step.cost["cost"] for step in plan.compensates] == [str(site.fee)]
    assert site.proxy.taken == taken + (lost is not None)
    assert (site.standing(), site.status(uuid), site.fee_of(uuid)) == (standing, "CANCELLED", site.fee)


async def test_a_cancellation_that_has_become_dearer_than_planned_is_not_made(site, tmp_path):
    async with Desk(site, f"sqlite:///{tmp_path}/acts.db") as desk:
        uuid = desk.uuid
        plan = await desk.agent.undo_plan(desk.run.id)
        site.charge(90)
        try:
            status = (await plan.carry_out(by="me@example.org")).status
        finally:
            site.charge(site.percent)
    assert (status, site.status(uuid)) == ("stuck", "CONFIRMED")


async def test_a_booking_that_is_too_late_to_cancel_cannot_be_taken_back(shop, tmp_path):
    async with Desk(shop, f"sqlite:///{tmp_path}/acts.db", "soon") as desk:
        uuid = desk.uuid
        plan = await desk.agent.undo_plan(desk.run.id)
        assert "the supplier does not take this booking back any more" in " ".join(
            step.in_words() for step in plan.cannot
        )
        assert not plan.compensates
    assert shop.status(uuid) == "CONFIRMED"
