"""Bookings on a real server: held once, confirmed at the expected price, given back."""

from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from agentkit.effects import Effect
from agentkit.errors import ToolFailed
from agentkit_tools.booking import Booking, Octo
from examples.trip_desk.evidence import effects

pytestmark = pytest.mark.servers


def wish(world, **changes):
    wished = world.wish
    ids = {"product_id": wished.product_id, "option_id": wished.option_id}
    return {**ids, "availability_id": wished.availability_id, "places": 1, **changes}


def contact(world, held, **changes):
    who = {"contact_name": world.traveller.name, "contact_email": world.traveller.address}
    return {"uuid": held.uuid, **who, "expected_total": held.total, "currency": held.currency, **changes}


def seen(world, uuid):
    return [each for each in effects(world).bookings if each.uuid == uuid]


@pytest.fixture(autouse=True)
def places_for_everybody(world):
    """A departure has few places; each test gives back what it took."""
    yield
    token = {"Authorization": f"Bearer {world.octo_token}"}
    for each in effects(world).live_bookings:
        url = f"{world.addresses.octo_url}/bookings/{each.uuid}/cancel"
        httpx.post(url, json={}, headers=token, trust_env=False).raise_for_status()


@pytest.fixture
async def held(world, booking, context, call):
    return await call(booking.reserve, context(100), **wish(world))


@pytest.fixture
async def confirmed(world, booking, context, call, held):
    return await call(booking.confirm, context(101), **contact(world, held))


@pytest.fixture
def nobody(unused_tcp_port) -> Booking:
    return Booking(Octo(url=f"http://127.0.0.1:{unused_tcp_port}", token=SecretStr("t"), timeout=1))


async def test_products_and_availability_tell_prices_in_the_currencys_own_unit(world, booking, context, call):
    wished, day = world.wish, date.fromisoformat(world.wish.day)
    product = next(each for each in await call(booking.products, context()) if each.id == wished.product_id)
    assert (product.title, product.options[0].id) == (wished.product_title, wished.option_id)
    found = await call(
        booking.search_availability,
        context(),
        product_id=wished.product_id,
        day_from=day,
        day_to=day,
        places=wished.people,
    )
    total = Decimal(wished.total).scaleb(-wished.currency_precision)
    assert [(each.id, each.total, each.currency) for each in found] == [
        (wished.availability_id, total, wished.currency)
    ]
    assert found[0].available


async def test_nothing_is_available_on_other_days(world, booking, context, call):
    long_ago = date.fromisoformat(world.wish.day) - timedelta(days=400)
    asked = {"day_from": long_ago, "day_to": long_ago, "places": 1}
    assert await call(booking.search_availability, context(), product_id=world.wish.product_id, **asked) == []


async def test_a_hold_is_made_once_however_often_it_is_tried(world, booking, context, call):
    first = await call(booking.reserve, context(), **wish(world))
    again = await call(booking.reserve, context(attempt=2), **wish(world))
    assert (first.status, first) == ("ON_HOLD", again)
    assert len(seen(world, first.uuid)) == 1
    assert UUID(first.uuid).version == 4


async def test_a_hold_whose_answer_was_lost_is_found_at_the_next_attempt(world, booking, context, call):
    world.faults("octo").drop_after_effect()
    with pytest.raises(httpx.TransportError):
        await call(booking.reserve, context(), **wish(world))
    found = await call(booking.reserve, context(attempt=2), **wish(world))
    assert found.uuid == str(UUID(hex=context().key[:32], version=4))
    assert len(seen(world, found.uuid)) == 1


async def test_another_body_under_the_same_key_is_still_the_same_booking(world, booking, context, call, held):
    again = await call(booking.reserve, context(100), **wish(world, minutes=7))
    assert again == held


async def test_a_hold_that_was_cancelled_since_was_made_all_the_same(world, booking, context, call, held):
    await call(booking.release, context(1), uuid=held.uuid)
    again = await call(booking.reserve, context(100, attempt=2), **wish(world))
    assert (again.uuid, again.status) == (held.uuid, "CANCELLED")


@pytest.mark.parametrize("changes", [{"places": 500}, {"option_id": "x"}, {"product_id": "../bookings"}])
async def test_what_cannot_be_booked_is_a_failure(world, booking, context, call, changes):
    with pytest.raises(ToolFailed):
        await call(booking.reserve, context(), **wish(world, **changes))


async def test_a_hold_is_confirmed_at_the_expected_price(world, booking, context, call, held):
    done = await call(booking.confirm, context(), **contact(world, held))
    assert done.status == "CONFIRMED"
    assert await call(booking.confirm, context(attempt=2), **contact(world, held)) == done
    assert await call(booking.get, context(), uuid=held.uuid) == done


async def test_a_confirmation_whose_answer_was_lost_is_confirmed_at_the_next_attempt(
    world, booking, context, call, held
):
    world.faults("octo").drop_after_effect()
    with pytest.raises(httpx.TransportError):
        await call(booking.confirm, context(), **contact(world, held))
    done = await call(booking.confirm, context(attempt=2), **contact(world, held))
    assert done.status == "CONFIRMED"


@pytest.mark.parametrize("changes", [{"expected_total": Decimal("0.01")}, {"currency": "XXX"}])
async def test_another_price_than_expected_is_a_failure(world, booking, context, call, held, changes):
    with pytest.raises(ToolFailed, match="the price is"):
        await call(booking.confirm, context(), **contact(world, held, **changes))
    assert seen(world, held.uuid)[0].status == "ON_HOLD"


async def test_a_booking_that_another_action_confirmed_is_not_ours_to_undo(
    world, booking, context, call, held, confirmed
):
    with pytest.raises(ToolFailed, match="another action"):
        await call(booking.confirm, context(), **contact(world, held))


async def test_a_cancellation_costs_what_was_quoted(world, booking, context, call, confirmed):
    quote = await call(booking.quote_cancellation, context(), uuid=confirmed.uuid)
    assert Decimal(0) < quote.cost <= confirmed.total
    done = await call(booking.confirm_cancellation, context(), uuid=confirmed.uuid, max_fee=quote.cost)
    assert (done.status, done.cancellation_fee) == ("CANCELLED", quote.cost)
    assert await call(booking.confirm_cancellation, context(attempt=2), uuid=confirmed.uuid, max_fee=quote.cost) == done


async def test_a_cancellation_dearer_than_allowed_is_a_failure(world, booking, context, call, confirmed):
    with pytest.raises(ToolFailed, match="more than"):
        await call(booking.confirm_cancellation, context(), uuid=confirmed.uuid, max_fee=Decimal("0.01"))
    assert seen(world, confirmed.uuid)[0].status == "CONFIRMED"


async def test_a_hold_is_released_exactly_and_again_without_harm(world, booking, context, call, held):
    wanted = {"availability_id": held.availability_id, "places": held.places}
    undo = booking.reserve.undo.inverse(Effect(context(100).key, wanted, None))
    assert undo.arguments == {"uuid": held.uuid, **wanted}
    assert (await call(booking.release, context(), uuid=held.uuid)).status == "CANCELLED"
    assert (await call(booking.release, context(attempt=2), uuid=held.uuid)).status == "CANCELLED"


async def test_a_confirmed_booking_is_not_released(world, booking, context, call, confirmed):
    with pytest.raises(ToolFailed, match=r"booking\.confirm_cancellation"):
        await call(booking.release, context(), uuid=confirmed.uuid)
    assert seen(world, confirmed.uuid)[0].status == "CONFIRMED"


async def test_a_cancelled_booking_counts_as_released(booking, context, call, confirmed):
    await call(booking.confirm_cancellation, context(1), uuid=confirmed.uuid)
    assert (await call(booking.release, context(2), uuid=confirmed.uuid)).status == "CANCELLED"


@pytest.mark.parametrize("attempt", [1, 2])
async def test_a_server_that_is_not_there_proves_nothing_about_other_attempts(world, nobody, context, call, attempt):
    with pytest.raises(ToolFailed, match="ConnectError") as error:
        await call(nobody.reserve, context(attempt=attempt), **wish(world))
    assert not error.value.ever


@pytest.mark.parametrize("attempt", [1, 2])
async def test_a_wrong_token_proves_nothing_about_other_attempts(world, octo, context, call, attempt):
    kit = Booking(octo.model_copy(update={"token": SecretStr("hunter2")}))
    with pytest.raises(ToolFailed, match="UNAUTHORIZED") as error:
        await call(kit.reserve, context(attempt=attempt), **wish(world))
    assert "hunter2" not in str(error.value)
    assert not error.value.ever


async def test_an_answer_that_comes_too_late_is_in_doubt(world, octo, context, call):
    world.faults("octo").delay_effect(0.6)
    kit = Booking(octo.model_copy(update={"timeout": 0.3}))
    with pytest.raises(httpx.ReadTimeout):
        await call(kit.reserve, context(), **wish(world))
