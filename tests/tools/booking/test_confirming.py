"""Confirming and cancelling, at both servers: at the expected price, within the quoted fee, once."""

import asyncio
from decimal import Decimal

import httpx
import pytest

from agentkit.errors import ToolFailed
from agentkit_tools.booking import Booking
from tests.tools.booking.action import again, do, first

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("booking"), pytest.mark.timeout(600)]


async def test_a_hold_is_confirmed_at_the_expected_price(site, held):
    ctx = first()
    done = await do(site.kit.confirm, ctx, **site.agreed(held.uuid))
    assert (done.status, done.total, done.held_until) == ("CONFIRMED", site.price, None)
    assert done.reseller_reference == ctx.action
    assert site.status(held.uuid) == "CONFIRMED"
    assert await do(site.kit.get, uuid=held.uuid) == done
    assert await do(site.kit.find, reseller_reference=ctx.action) == [done]


async def test_a_confirmation_is_made_once_however_often_it_is_tried(site, held):
    ctx = first()
    done = await do(site.kit.confirm, ctx, **site.agreed(held.uuid))
    world = site.world()
    assert await do(site.kit.confirm, again(ctx), **site.agreed(held.uuid)) == done
    assert site.world() == world


async def test_a_confirmation_whose_answer_was_lost_is_seen_at_the_next_attempt(site, held):
    ctx = first()
    site.proxy.drop_answers(of=site.wire["confirm"])
    with pytest.raises(httpx.TransportError):
        await do(site.kit.confirm, ctx, **site.agreed(held.uuid))
    world = site.world()
    assert site.status(held.uuid) == "CONFIRMED"
    assert (await do(site.kit.confirm, again(ctx), **site.agreed(held.uuid))).status == "CONFIRMED"
    assert site.world() == world


async def test_a_confirmation_that_arrives_after_its_own_repetition_changes_nothing(site, held):
    ctx = first()
    site.proxy.delay(1.5, of=site.wire["confirm"])
    hurried = Booking(site.kit._provider.model_copy(update={"timeout": 0.7}))
    with pytest.raises(httpx.ReadTimeout):
        await do(hurried.confirm, ctx, **site.agreed(held.uuid))
    await do(site.kit.confirm, again(ctx), **site.agreed(held.uuid))
    world = site.world()
    await asyncio.sleep(1.5)
    assert site.world() == world


@pytest.mark.parametrize("changes", [{"expected_total": Decimal("0.01")}, {"currency": "USD"}])
async def test_another_price_than_expected_is_not_paid(site, held, changes):
    world = site.world()
    with pytest.raises(ToolFailed, match=f"the price is {site.price} EUR, not the expected"):
        await do(site.kit.confirm, **{**site.agreed(held.uuid), **changes})
    assert site.world() == world


async def test_a_price_that_changed_since_the_hold_is_not_paid(site, held):
    site.reprice(held.uuid, "99.00")
    with pytest.raises(ToolFailed, match=r"the price is 99\.00 EUR"):
        await do(site.kit.confirm, **site.agreed(held.uuid))
    assert site.status(held.uuid) == "ON_HOLD"


async def test_an_expired_hold_is_not_confirmed(site, held):
    site.let_expire(held.uuid)
    with pytest.raises(ToolFailed, match="this booking is EXPIRED"):
        await do(site.kit.confirm, **site.agreed(held.uuid))
    assert site.status(held.uuid) != "CONFIRMED"


async def test_what_another_has_confirmed_is_not_ours(site, held):
    site.confirm_as_another(held.uuid)
    with pytest.raises(ToolFailed, match="by another action"):
        await do(site.kit.confirm, **site.agreed(held.uuid))


async def test_what_another_action_has_confirmed_is_not_ours(site, held, confirmed):
    world = site.world()
    with pytest.raises(ToolFailed, match="by another action"):
        await do(site.kit.confirm, **site.agreed(held.uuid))
    assert site.world() == world


async def test_without_a_reference_a_first_attempt_is_not_the_one_that_confirmed(desk):
    held = await do(desk.kit.reserve, **desk.wish())
    desk.confirm_without_a_reference(held.uuid)
    ctx = first()
    with pytest.raises(ToolFailed, match="not by this action"):
        await do(desk.kit.confirm, ctx, **desk.agreed(held.uuid))
    assert (await do(desk.kit.confirm, again(ctx), **desk.agreed(held.uuid))).status == "CONFIRMED"


async def test_what_another_has_cancelled_proves_nothing_about_earlier_attempts(site, held, confirmed):
    site.cancel_as_another(held.uuid)
    with pytest.raises(ToolFailed, match="CANCELLED") as error:
        await do(site.kit.confirm, again(first()), **site.agreed(held.uuid))
    assert not error.value.ever


async def test_a_cancellation_costs_what_was_quoted(site, confirmed):
    quote = await do(site.kit.quote_cancellation, uuid=confirmed.uuid)
    assert (quote.cost, quote.currency) == (site.fee, "EUR")
    ctx = first()
    done = await do(site.kit.confirm_cancellation, ctx, uuid=confirmed.uuid, max_fee=quote.cost)
    assert (done.status, done.cancellation_fee, done.total) == ("CANCELLED", site.fee, site.price)
    assert (site.status(confirmed.uuid), site.fee_of(confirmed.uuid)) == ("CANCELLED", site.fee)
    repeated = await do(site.kit.confirm_cancellation, again(ctx), uuid=confirmed.uuid, max_fee=quote.cost)
    assert (repeated, site.fee_of(confirmed.uuid)) == (done, site.fee)


async def test_a_cancellation_whose_answer_was_lost_is_seen_at_the_next_attempt(site, confirmed):
    ctx = first()
    site.proxy.drop_answers(of=site.wire["cancel"])
    with pytest.raises(httpx.TransportError):
        await do(site.kit.confirm_cancellation, ctx, uuid=confirmed.uuid, max_fee=site.fee)
    done = await do(site.kit.confirm_cancellation, again(ctx), uuid=confirmed.uuid, max_fee=site.fee)
    assert (done.status, done.cancellation_fee, site.fee_of(confirmed.uuid)) == ("CANCELLED", site.fee, site.fee)


async def test_a_cancellation_dearer_than_allowed_is_not_made(site, confirmed):
    world = site.world()
    with pytest.raises(ToolFailed, match=rf"costs {site.fee} EUR now, more than 0\.01"):
        await do(site.kit.confirm_cancellation, uuid=confirmed.uuid, max_fee=Decimal("0.01"))
    assert site.world() == world


async def test_cancelling_a_hold_is_free(site, held):
    assert (await do(site.kit.quote_cancellation, uuid=held.uuid)).cost == 0
    done = await do(site.kit.confirm_cancellation, uuid=held.uuid, max_fee=Decimal(0))
    assert (done.status, site.status(held.uuid)) == ("CANCELLED", "CANCELLED")


async def test_what_is_cancelled_already_costs_nothing(site, confirmed):
    await do(site.kit.confirm_cancellation, uuid=confirmed.uuid)
    quote = await do(site.kit.quote_cancellation, uuid=confirmed.uuid)
    assert (quote.cost, quote.note) == (0, "the booking is CANCELLED already")
    assert (await do(site.kit.release, uuid=confirmed.uuid)).status == "CANCELLED"
