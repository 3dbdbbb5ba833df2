"""Looking for places and holding them, at both servers: once, as long as wanted, and given back exactly."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import ValidationError

from agentkit.errors import ToolFailed
from agentkit_tools.booking import Octo
from tests.tools.booking.action import again, do, first, undo_of

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("booking"), pytest.mark.timeout(600)]


async def test_products_tell_their_options_and_prices(site):
    products = {product.id: product for product in await do(site.kit.products)}
    wished = site.ids("roomy")
    option = {option.id: option for option in products[wished["product_id"]].options}[wished["option_id"]]
    assert [option.units[0].price, option.units[0].currency] == [site.price, "EUR"]
    assert products[wished["product_id"]].time_zone == "Europe/Berlin"


async def test_availability_tells_what_all_the_places_cost_together(site):
    day = site.day("roomy")
    wished = site.ids("roomy")
    asked = {"product_id": wished["product_id"], "day_from": day, "day_to": day, "places": 3}
    (found,) = await do(site.kit.search_availability, **asked)
    assert (found.id, found.option_id) == (wished["availability_id"], wished["option_id"])
    assert (found.available, found.total, found.currency) == (True, site.price * 3, "EUR")
    assert found.vacancies > 4000


async def test_more_places_than_there_are_cannot_be_had(site):
    day = site.day("small")
    asked = {"product_id": site.ids("small")["product_id"], "day_from": day, "day_to": day, "places": 4}
    (found,) = await do(site.kit.search_availability, **asked)
    assert (found.available, found.vacancies) == (False, 3)
    standing = site.standing()
    with pytest.raises(ToolFailed, match="refuses"):
        await do(site.kit.reserve, **site.wish("small", places=4))
    assert site.standing() == standing


async def test_a_hold_is_made_once_however_often_it_is_tried(site):
    standing, ctx = site.standing(), first()
    made = await do(site.kit.reserve, ctx, **site.wish(places=2))
    assert (made.status, made.places, made.total, made.currency) == ("ON_HOLD", 2, site.price * 2, "EUR")
    assert made.held_until - datetime.now(UTC) <= timedelta(minutes=30)
    assert await do(site.kit.reserve, ctx, **site.wish(places=2)) == made
    assert await do(site.kit.reserve, again(ctx), **site.wish(places=2)) == made
    assert site.standing() == standing + 1


async def test_two_actions_are_two_holds(site):
    standing = site.standing()
    await do(site.kit.reserve, **site.wish())
    await do(site.kit.reserve, **site.wish())
    assert site.standing() == standing + 2


async def test_a_hold_whose_answer_was_lost_is_the_same_hold_at_the_next_attempt(site):
    standing, taken, ctx = site.standing(), site.proxy.taken, first()
    site.proxy.drop_answers(of=site.wire["reserve"])
    with pytest.raises(httpx.TransportError):
        await do(site.kit.reserve, ctx, **site.wish())
    assert (site.proxy.taken, site.standing()) == (taken + 1, standing + 1)
    found = await do(site.kit.reserve, again(ctx), **site.wish())
    assert (found.status, site.standing()) == ("ON_HOLD", standing + 1)


async def test_a_hold_that_arrives_after_its_own_repetition_is_not_a_second_one(site):
    standing, ctx = site.standing(), first()
    site.proxy.delay(1.5, of=site.wire["reserve"])
    hurried = type(site.kit)(site.kit._provider.model_copy(update={"timeout": 0.7}))
    with pytest.raises(httpx.ReadTimeout):
        await do(hurried.reserve, ctx, **site.wish())
    found = await do(site.kit.reserve, again(ctx), **site.wish())
    await asyncio.sleep(1.5)
    assert (site.status(found.uuid), site.standing()) == ("ON_HOLD", standing + 1)


async def test_what_is_not_sold_is_a_failure_and_not_in_doubt(site):
    for wrong in ({"product_id": "../products"}, {"option_id": "99999"}, {"availability_id": "nowhere"}):
        with pytest.raises(ToolFailed):
            await do(site.kit.reserve, **{**site.wish(), **wrong})


async def test_a_hold_is_found_by_the_action_that_made_it(site):
    ctx = first()
    made = await do(site.kit.reserve, ctx, **site.wish())
    assert await do(site.kit.find, reseller_reference=ctx.action) == [made]
    assert made.reseller_reference == ctx.action
    assert await do(site.kit.find, reseller_reference="a-never") == []


async def test_a_hold_is_extended_for_at_least_so_long(site, held):
    after = await do(site.kit.extend, uuid=held.uuid, minutes=120)
    assert after.held_until - held.held_until > timedelta(minutes=85)
    assert abs(site.held_until(held.uuid) - after.held_until) < timedelta(seconds=1)


async def test_an_extension_is_made_once_however_often_it_is_tried(site, held):
    ctx = first()
    after = await do(site.kit.extend, ctx, uuid=held.uuid, minutes=120)
    until = site.held_until(held.uuid)
    assert await do(site.kit.extend, again(ctx), uuid=held.uuid, minutes=120) == after
    assert site.held_until(held.uuid) == until


async def test_an_extension_whose_answer_was_lost_is_seen(site, held):
    ctx = first()
    site.proxy.drop_answers(of=site.wire["extend"])
    with pytest.raises(httpx.TransportError):
        await do(site.kit.extend, ctx, uuid=held.uuid, minutes=120)
    until = site.held_until(held.uuid)
    assert until > held.held_until
    await do(site.kit.extend, again(ctx), uuid=held.uuid, minutes=120)
    assert site.held_until(held.uuid) == until


async def test_a_shorter_extension_does_not_shorten(site, held):
    await do(site.kit.extend, uuid=held.uuid, minutes=1)
    assert abs(site.held_until(held.uuid) - held.held_until) < timedelta(seconds=1)


async def test_what_is_over_is_not_extended(site, held):
    site.let_expire(held.uuid)
    with pytest.raises(ToolFailed, match="EXPIRED"):
        await do(site.kit.extend, uuid=held.uuid, minutes=60)


async def test_a_hold_is_given_back_exactly_also_when_its_answer_was_lost(site):
    world, ctx, wish = site.world(), first(), site.wish()
    site.proxy.drop_answers(of=site.wire["reserve"])
    with pytest.raises(httpx.TransportError):
        await do(site.kit.reserve, ctx, **wish)
    undo = undo_of(site.kit.reserve, ctx, wish)
    for _ in range(2):
        assert (await do(site.kit.release, **undo.arguments)).status == "CANCELLED"
        assert site.world() == world


async def test_a_release_whose_answer_was_lost_is_done_at_the_next_attempt(site, held):
    ctx = first()
    site.proxy.drop_answers(of=site.wire["cancel"])
    with pytest.raises(httpx.TransportError):
        await do(site.kit.release, ctx, uuid=held.uuid)
    assert (await do(site.kit.release, again(ctx), uuid=held.uuid)).status == "CANCELLED"


async def test_what_somebody_else_has_confirmed_is_not_released(site, held):
    site.confirm_as_another(held.uuid)
    world = site.world()
    with pytest.raises(ToolFailed, match=r"booking\.confirm_cancellation"):
        await do(site.kit.release, uuid=held.uuid)
    assert site.world() == world


async def test_what_somebody_else_has_changed_is_not_released(site):
    ctx, wish = first(), site.wish()
    held = await do(site.kit.reserve, ctx, **wish)
    site.add_place(held.uuid)
    world = site.world()
    with pytest.raises(ToolFailed, match="not as it was made: it holds 2 places"):
        await do(site.kit.release, **undo_of(site.kit.reserve, ctx, wish).arguments)
    assert site.world() == world


async def test_a_booking_nobody_knows_is_a_failure(site):
    for tool in (site.kit.get, site.kit.release, site.kit.quote_cancellation):
        with pytest.raises(ToolFailed):
            await do(tool, uuid="00000000-0000-4000-8000-000000000000")


async def test_what_is_confirmed_just_before_it_is_released_is_left_alone_also_where_cancelling_is_free(
    site, held, monkeypatch
):
    kind, cancel = type(site.kit._provider), type(site.kit._provider).cancel

    async def confirmed_first(self, uuid, *rest):
        site.confirm_as_another(uuid)
        return await cancel(self, uuid, *rest)

    monkeypatch.setattr(kind, "cancel", confirmed_first)
    site.charge(0)
    try:
        with pytest.raises(ToolFailed, match="not a hold any more but CONFIRMED"):
            await do(site.kit.release, uuid=held.uuid)
    finally:
        site.charge(site.percent)
    assert site.status(held.uuid) == "CONFIRMED"


async def test_what_is_confirmed_while_its_release_is_quoted_is_left_alone(desk, monkeypatch):
    held = await do(desk.kit.reserve, **desk.wish())
    quoted = Octo._within

    async def confirmed_first(self, booking, max_fee):
        desk.confirm_as_another(booking.uuid)
        return await quoted(self, booking, max_fee)

    monkeypatch.setattr(Octo, "_within", confirmed_first)
    desk.charge(0)
    try:
        with pytest.raises(ToolFailed, match="not a hold any more but CONFIRMED"):
            await do(desk.kit.release, uuid=held.uuid)
    finally:
        desk.charge(desk.percent)
    assert desk.status(held.uuid) == "CONFIRMED"


async def test_a_hold_that_another_has_cancelled_was_made_and_says_so(site):
    ctx = first()
    held = await do(site.kit.reserve, ctx, **site.wish())
    site.cancel_as_another(held.uuid)
    assert (await do(site.kit.reserve, again(ctx), **site.wish())).status == "CANCELLED"


async def test_a_hold_past_its_time_is_still_given_back_where_it_could_be_paid_late(shop):
    held = await do(shop.kit.reserve, **shop.wish())
    shop.let_expire(held.uuid)
    assert shop.shop.books.order(held.uuid).status == "n"
    assert (await do(shop.kit.release, uuid=held.uuid)).status == "CANCELLED"
    assert shop.shop.books.order(held.uuid).status == "c"


@pytest.mark.parametrize("changes", [{"places": 1001}, {"minutes": 525_601}])
async def test_nobody_holds_a_thousand_places_or_a_year(site, changes):
    with pytest.raises(ValidationError, match="less than or equal to"):
        await do(site.kit.reserve, **{**site.wish(), **changes})


@pytest.mark.parametrize("uuid", [".", ".."])
async def test_an_id_that_leads_elsewhere_is_refused(site, uuid):
    for tool in (site.kit.get, site.kit.release):
        with pytest.raises(ToolFailed, match="is no id"):
            await do(tool, uuid=uuid)
