"""What only pretix does: crowds, refunds, whole days, options, and an idempotency key that is no proof."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from agentkit import Agent, ScriptedModel
from agentkit.errors import ToolFailed, ToolPartial
from agentkit_tools.booking import Booking, Pretix
from agentkit_tools.booking.pretix.shop import Shop
from agentkit_tools.booking.server import Refused, Unread
from tests.tools.booking.action import again, do, first

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("booking"), pytest.mark.timeout(600)]


@pytest.fixture
async def confirmed(shop):
    held = await do(shop.kit.reserve, **shop.wish())
    return await do(shop.kit.confirm, **shop.agreed(held.uuid))


async def test_five_who_want_the_last_three_places_at_once_all_learn_the_truth(shop, tmp_path):
    before = {order.code for order in shop.shop.books.orders()}

    async def one(number: int) -> tuple[str, str]:
        clerk = ScriptedModel([shop.kit.reserve(**shop.wish("small")), "Tried."])
        journal = f"sqlite:///{tmp_path}/{number}.db"
        async with Agent(clerk, tools=[*shop.kit], journal=journal) as agent:
            run = await agent.run("Hold a place.")
            for question in run.waiting:
                await question.approve(by="me@example.org")
            run = await agent.resume(run.id)
            step = run.steps[0]
            return step.state, step.outcome.result["uuid"] if step.outcome and step.state == "done" else ""

    ended = await asyncio.gather(*(one(number) for number in range(5)))
    made = {order.code for order in shop.shop.books.orders() if order.stands} - before
    assert {state for state, _ in ended} <= {"done", "failed"}
    assert 1 <= len(made) <= 3
    assert {uuid for state, uuid in ended if state == "done"} == made
    for code in made:
        await do(shop.kit.release, uuid=code)


async def test_the_refund_is_noted_once_whichever_answer_is_lost(shop, confirmed):
    for lost in (b"/refunds/ HTTP", shop.wire["cancel"]):
        held = await do(shop.kit.reserve, **shop.wish())
        await do(shop.kit.confirm, **shop.agreed(held.uuid))
        ctx = first()
        shop.proxy.drop_answers(of=lost)
        with pytest.raises(httpx.TransportError):
            await do(shop.kit.confirm_cancellation, ctx, uuid=held.uuid, max_fee=Decimal(5))
        for _ in range(2):
            await do(shop.kit.confirm_cancellation, again(ctx), uuid=held.uuid, max_fee=Decimal(5))
        assert shop.shop.books.order(held.uuid).refunds == ("created 20",)


async def test_what_staff_cancels_is_refunded_by_staff_and_what_is_still_owed_is_told(shop, confirmed):
    shop.cancel_as_another(confirmed.uuid)
    with pytest.raises(ToolPartial, match=r"22\.50 is owed and no refund is noted"):
        await do(shop.kit.confirm_cancellation, uuid=confirmed.uuid)
    assert shop.shop.books.order(confirmed.uuid).refunds == ()


async def test_our_cancellation_is_refunded_also_when_another_program_writes_over_our_name(
    shop, confirmed, monkeypatch
):
    noted = Pretix._note

    async def overwritten(self, order, marks, contact=None):
        await noted(self, order, marks, contact)
        shop.forget_who(order.code)

    monkeypatch.setattr(Pretix, "_note", overwritten)
    await do(shop.kit.confirm_cancellation, uuid=confirmed.uuid, max_fee=Decimal(5))
    assert shop.shop.books.order(confirmed.uuid).refunds == ("created 20",)


async def test_who_pays_in_the_last_moment_keeps_the_booking(shop):
    held, ctx = await do(shop.kit.reserve, **shop.wish()), first()
    shop.proxy.delay(1.0, of=shop.wire["confirm"])
    confirming = asyncio.create_task(do(shop.kit.confirm, ctx, **shop.agreed(held.uuid)))
    await asyncio.sleep(0.6)
    shop.confirm_as_another(held.uuid)
    with pytest.raises(Unread, match="somebody else may have done that"):
        await confirming
    with pytest.raises(ToolFailed, match="by another action") as error:
        await do(shop.kit.confirm, again(ctx), **shop.agreed(held.uuid))
    assert not error.value.ever


async def test_a_payment_that_the_shop_refuses_is_a_part_as_the_contact_is_noted(shop, monkeypatch):
    held = await do(shop.kit.reserve, **shop.wish())
    failing_to_pay(monkeypatch, Refused(403, "", "not with this token"))
    with pytest.raises(ToolPartial, match=r"noted on the order, not confirmed: .* not with this token"):
        await do(shop.kit.confirm, **shop.agreed(held.uuid))
    order = shop.shop.books.order(held.uuid)
    assert (order.status, order.email) == ("n", "ann@example.test")


async def test_a_payment_that_never_left_is_tried_again(shop, monkeypatch):
    held, ctx = await do(shop.kit.reserve, **shop.wish()), first()
    with monkeypatch.context() as once:
        failing_to_pay(once, ToolFailed("not reached"))
        with pytest.raises(Unread, match="noted on the order, not confirmed yet: not reached"):
            await do(shop.kit.confirm, ctx, **shop.agreed(held.uuid))
    assert (await do(shop.kit.confirm, again(ctx), **shop.agreed(held.uuid))).status == "CONFIRMED"


def failing_to_pay(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """From now on the shop takes every request but the payment."""
    change = Shop.change

    async def changed(self, kind, method, *path, body, key=""):
        if path[-1] == "confirm":
            raise error
        return await change(self, kind, method, *path, body=body, key=key)

    monkeypatch.setattr(Shop, "change", changed)


async def test_staff_that_reprices_in_the_last_moment_makes_it_a_part_and_no_more_is_paid(shop):
    held = await do(shop.kit.reserve, **shop.wish())
    shop.proxy.delay(1.0, of=shop.wire["confirm"])
    confirming = asyncio.create_task(do(shop.kit.confirm, **shop.agreed(held.uuid)))
    await asyncio.sleep(0.6)
    shop.reprice(held.uuid, "99.00")
    with pytest.raises(ToolPartial, match=r"25\.00 EUR is paid, but the order is ON_HOLD and costs 99\.00 now"):
        await confirming
    order = shop.shop.books.order(held.uuid)
    assert (order.status, order.payments) == ("n", ("confirmed 25",))


async def test_too_late_means_that_it_is_not_cancelled(shop):
    held = await do(shop.kit.reserve, **shop.wish("soon"))
    done = await do(shop.kit.confirm, **shop.agreed(held.uuid))
    assert not done.cancellable
    assert (await do(shop.kit.quote_cancellation, uuid=held.uuid)).cost is None
    with pytest.raises(ToolFailed, match="let its buyers cancel until"):
        await do(shop.kit.confirm_cancellation, uuid=held.uuid)
    assert shop.status(held.uuid) == "CONFIRMED"


async def test_a_hold_is_extended_to_the_end_of_a_day(shop):
    held = await do(shop.kit.reserve, **shop.wish())
    after = await do(shop.kit.extend, uuid=held.uuid, minutes=3 * 24 * 60)
    assert timedelta(0) <= after.held_until - held.held_until - timedelta(days=3) + timedelta(minutes=31)
    assert (after.held_until.minute, after.held_until.second) == (59, 59)


async def test_an_event_with_one_date_has_its_options(shop):
    kit = Booking(shop.account(event=shop.shop.event))
    (product,) = await do(kit.products)
    assert {option.title: option.units[0].price for option in product.options} == {
        "Member": Decimal("80.00"),
        "Guest": Decimal("95.50"),
    }
    day = shop.day("roomy")
    found = await do(kit.search_availability, product_id=product.id, day_from=day, day_to=day, places=2)
    guest = next(each for each in found if each.option_id == shop.shop.options["Guest"])
    assert (guest.total, guest.vacancies) == (Decimal("191.00"), 200)
    ids = {"product_id": product.id, "option_id": guest.option_id, "availability_id": guest.id}
    held = await do(kit.reserve, **ids, places=2)
    assert (held.option_id, held.availability_id, held.total) == (guest.option_id, guest.id, guest.total)


def test_the_shops_own_key_answers_another_body_with_the_first_ones_order(shop):
    """Why the tools do not rest on it."""
    url = f"{shop.shop.url}/api/v1/organizers/acme/events/tours/orders/"
    headers = {"Authorization": f"Token {shop.shop.token}", "X-Idempotency-Key": first().key}
    place = {"item": int(shop.shop.walk), "subevent": int(shop.shop.dates["roomy"])}
    with httpx.Client(headers=headers, timeout=20, trust_env=False) as client:
        one, other = (client.post(url, json={"status": "n", "positions": [place] * places}) for places in (1, 2))
    assert (one.status_code, other.status_code) == (201, 201)
    assert (other.json()["code"], len(other.json()["positions"])) == (one.json()["code"], 1)
