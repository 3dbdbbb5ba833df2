"""The servers of the trip desk keep the promises that the story relies on."""

from __future__ import annotations

import imaplib
import os
import re
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import make_msgid
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from caldav.davclient import DAVClient
from imap_tools import AND, Header, MailBoxUnencrypted

from examples.trip_desk.evidence import ACTION_HEADER, effects
from examples.trip_desk.faults import Faults
from examples.trip_desk.octo.files import furnish, ledger_in
from examples.trip_desk.octo.product import Departure, Product, Terms, Unit
from examples.trip_desk.server import ROOT, Server, ServerError
from examples.trip_desk.story import Person, draw
from examples.trip_desk.world import World, WorldError

pytestmark = pytest.mark.servers

ADULT = Unit("adult", "Adult", 5000)
CONTACT = {"fullName": "Ada Berg", "emailAddress": "ada@desk.test"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World.create(tmp_path_factory.mktemp("trip-desk") / "world") as world:
        yield world


@pytest.fixture
def fresh_world(tmp_path: Path) -> Iterator[World]:
    with World.create(tmp_path / "world") as world:
        yield world


class Shop:
    """A booking server with one product whose terms and departures the test chooses."""

    def __init__(self, server: Server, client: httpx.Client, product: Product) -> None:
        self.server = server
        self.client = client
        self.product = product

    def stock(self, places: int, starts_in: timedelta = timedelta(days=30)) -> str:
        """Put a departure on sale that no other test uses; its availability id."""
        local = datetime.now(ZoneInfo(self.product.time_zone)).replace(tzinfo=None) + starts_in
        departure = Departure.at(self.product, local, hours=2, capacity=places)
        ledger_in(self.server.folder).stock([], [departure])
        return departure.id

    def order(self, availability_id: str, places: int = 1, **more: Any) -> dict[str, Any]:
        items = [{"unitId": ADULT.id}] * places
        what = {"productId": self.product.id, "optionId": "DEFAULT", "availabilityId": availability_id}
        return {"uuid": str(uuid4()), **what, "unitItems": items, **more}

    def reserve(self, availability_id: str, places: int = 1, **more: Any) -> dict[str, Any]:
        answer = self.client.post("/bookings", json=self.order(availability_id, places, **more))
        return answer.raise_for_status().json()

    def confirm(self, uuid: str) -> dict[str, Any]:
        answer = self.client.post(f"/bookings/{uuid}/confirm", json={"contact": CONTACT})
        return answer.raise_for_status().json()

    def sale(self, availability_id: str, places: int = 1) -> str:
        return self.confirm(self.reserve(availability_id, places)["uuid"])["uuid"]

    def cancel(self, uuid: str, **body: Any) -> dict[str, Any]:
        return self.client.post(f"/bookings/{uuid}/cancel", json=body).raise_for_status().json()

    def quote(self, uuid: str) -> dict[str, Any]:
        return self.client.post(f"/bookings/{uuid}/cancel/quote").raise_for_status().json()

    def get(self, uuid: str) -> dict[str, Any]:
        return self.client.get(f"/bookings/{uuid}").raise_for_status().json()

    def availability(self, availability_id: str, **more: Any) -> dict[str, Any]:
        body = {"productId": self.product.id, "optionId": "DEFAULT", "availabilityIds": [availability_id]}
        found = self.client.post("/availability", json=body | more).raise_for_status().json()
        return found[0]

    def vacancies(self, availability_id: str) -> int:
        return self.availability(availability_id)["vacancies"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop") / "octo"
    terms = Terms(free_hours=24, early_percent=10, late_percent=50)
    product = Product("walk", "Old town walk", "DEFAULT", (ADULT,), "EUR", 2, "Europe/Lisbon", 0, terms)
    furnish(folder, "open-sesame", [product], [])
    server = Server("octo", "examples.trip_desk.octo", folder, ("port",))
    server.start()
    try:
        server.wait_until_ready()
        with _client(f"http://127.0.0.1:{server.ports['port']}", "open-sesame") as client:
            yield Shop(server, client, product)
    finally:
        server.stop()


def _client(url: str, token: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=30)


# The booking server


def test_nobody_gets_in_without_the_token(shop: Shop) -> None:
    answer = httpx.get(shop.client.base_url.join("/products"), trust_env=False)
    assert (answer.status_code, answer.json()["error"]) == (401, "UNAUTHORIZED")


def test_products_name_their_options_units_and_prices_in_minor_units(shop: Shop) -> None:
    [product] = shop.client.get("/products").json()
    assert product == shop.client.get("/products/walk").json()
    [unit] = product["options"][0]["units"]
    assert unit["id"] == ADULT.id
    price = unit["pricingFrom"][0]
    assert (price["total"], price["currency"], price["currencyPrecision"]) == (5000, "EUR", 2)


def test_an_unknown_product_is_refused_with_an_octo_error(shop: Shop) -> None:
    answer = shop.client.get("/products/moon")
    assert (answer.status_code, answer.json()["error"]) == (400, "INVALID_PRODUCT_ID")
    assert answer.json()["errorMessage"] == "no product 'moon'; there are ['walk']"


def test_availability_tells_places_price_and_cut_off(shop: Shop) -> None:
    departure = shop.stock(places=5)
    seen = shop.availability(departure, units=[{"id": ADULT.id, "quantity": 2}])
    assert (seen["status"], seen["available"], seen["vacancies"]) == ("AVAILABLE", True, 5)
    assert seen["pricing"]["total"] == 10000
    assert seen["utcCutoffAt"].endswith("Z")


def test_availability_can_be_asked_for_by_local_days(shop: Shop) -> None:
    departure = shop.stock(places=5)
    days = {"localDateStart": departure[:10], "localDateEnd": departure[:10]}
    body = {"productId": "walk", "optionId": "DEFAULT", **days}
    found = shop.client.post("/availability", json=body).json()
    assert departure in [each["id"] for each in found]


def test_few_places_are_limited_and_none_are_sold_out(shop: Shop) -> None:
    departure = shop.stock(places=5)
    shop.reserve(departure, places=3)
    assert shop.availability(departure)["status"] == "LIMITED"
    shop.reserve(departure, places=2)
    seen = shop.availability(departure)
    assert (seen["status"], seen["available"]) == ("SOLD_OUT", False)


def test_a_hold_takes_places_until_it_is_confirmed_or_ends(shop: Shop) -> None:
    departure = shop.stock(places=3)
    booking = shop.reserve(departure, places=2)
    assert booking["status"] == "ON_HOLD"
    assert booking["pricing"]["total"] == 10000
    assert datetime.fromisoformat(booking["utcExpiresAt"]) > datetime.now(UTC)
    assert shop.vacancies(departure) == 1


def test_the_same_uuid_twice_is_one_booking(shop: Shop) -> None:
    departure = shop.stock(places=3)
    order = shop.order(departure)
    first, second = (shop.client.post("/bookings", json=order).json() for _ in range(2))
    assert first == second
    assert shop.vacancies(departure) == 2


def test_the_same_uuid_with_another_body_is_refused(shop: Shop) -> None:
    departure = shop.stock(places=3)
    order = shop.order(departure)
    shop.client.post("/bookings", json=order)
    answer = shop.client.post("/bookings", json=order | {"notes": "another"})
    assert (answer.status_code, answer.json()["error"]) == (409, "CONFLICT")
    assert shop.vacancies(departure) == 2


def test_more_places_than_are_left_are_refused_and_nothing_is_held(shop: Shop) -> None:
    departure = shop.stock(places=2)
    answer = shop.client.post("/bookings", json=shop.order(departure, places=3))
    assert (answer.status_code, answer.json()["error"]) == (422, "UNPROCESSABLE_ENTITY")
    assert answer.json()["errorMessage"] == "3 places asked for, 2 left"
    assert shop.vacancies(departure) == 2


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"optionId": "LUXURY"}, "INVALID_OPTION_ID"),
        ({"availabilityId": "2020-01-01T10:00:00+00:00"}, "INVALID_AVAILABILITY_ID"),
        ({"unitItems": [{"unitId": "horse"}]}, "INVALID_UNIT_ID"),
        ({"unitItems": []}, "BAD_REQUEST"),
        ({"expirationMinutes": -1}, "BAD_REQUEST"),
        ({"uuid": "seven"}, "BAD_REQUEST"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(shop: Shop, change: dict[str, Any], error: str) -> None:
    answer = shop.client.post("/bookings", json=shop.order(shop.stock(places=1)) | change)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_twenty_at_once_never_sell_more_than_there_is(shop: Shop) -> None:
    departure = shop.stock(places=7)
    orders = [shop.order(departure) for _ in range(20)]
    with ThreadPoolExecutor(20) as many:
        answers = list(many.map(lambda order: shop.client.post("/bookings", json=order).status_code, orders))
    assert sorted(answers) == [200] * 7 + [422] * 13
    assert shop.vacancies(departure) == 0


def test_one_uuid_from_ten_clients_at_once_is_one_booking(shop: Shop) -> None:
    departure = shop.stock(places=7)
    order = shop.order(departure)
    with ThreadPoolExecutor(10) as many:
        answers = list(many.map(lambda _: shop.client.post("/bookings", json=order).status_code, range(10)))
    assert answers == [200] * 10
    assert shop.vacancies(departure) == 6


def test_a_hold_that_expires_gives_the_place_back(shop: Shop) -> None:
    departure = shop.stock(places=1)
    booking = shop.reserve(departure, expirationMinutes=0.005)
    time.sleep(0.4)
    assert shop.get(booking["uuid"])["status"] == "EXPIRED"
    assert shop.vacancies(departure) == 1


def test_an_expired_hold_cannot_be_confirmed(shop: Shop) -> None:
    booking = shop.reserve(shop.stock(places=1), expirationMinutes=0.005)
    time.sleep(0.4)
    body = {"contact": CONTACT, "resellerReference": "late"}
    answer = shop.client.post(f"/bookings/{booking['uuid']}/confirm", json=body)
    assert answer.json()["errorMessage"] == "only a hold can be confirmed; this booking is EXPIRED"


def test_an_extended_hold_lives_on(shop: Shop) -> None:
    uuid = shop.reserve(shop.stock(places=1), expirationMinutes=1)["uuid"]
    shop.client.post(f"/bookings/{uuid}/extend", json={"expirationMinutes": 60}).raise_for_status()
    assert datetime.fromisoformat(shop.get(uuid)["utcExpiresAt"]) > datetime.now(UTC) + timedelta(minutes=50)


def test_confirming_twice_is_confirming_once(shop: Shop) -> None:
    booking = shop.reserve(shop.stock(places=1))
    first, second = shop.confirm(booking["uuid"]), shop.confirm(booking["uuid"])
    assert first == second
    assert first["status"] == "CONFIRMED"
    assert first["contact"]["emailAddress"] == "ada@desk.test"
    assert first["utcExpiresAt"] is None


def test_a_booking_is_found_by_its_reseller_reference(shop: Shop) -> None:
    booking = shop.reserve(shop.stock(places=1), resellerReference="trip-7")
    found = shop.client.get("/bookings", params={"resellerReference": "trip-7"}).json()
    assert [each["uuid"] for each in found] == [booking["uuid"]]
    assert shop.client.get("/bookings", params={"resellerReference": "trip-8"}).json() == []


def test_cancelling_a_hold_is_free_and_gives_the_places_back(shop: Shop) -> None:
    departure = shop.stock(places=2)
    cancelled = shop.cancel(shop.reserve(departure, places=2)["uuid"], reason="changed my mind")
    assert (cancelled["status"], cancelled["cancellation"]["refund"]) == ("CANCELLED", "FULL")
    assert cancelled["cancellation"]["reason"] == "changed my mind"
    assert cancelled["cancellation"]["fee"] == 0
    assert shop.vacancies(departure) == 2


def test_cancelling_twice_changes_nothing_more(shop: Shop) -> None:
    uuid = shop.sale(shop.stock(places=1))
    assert shop.cancel(uuid, reason="first") == shop.cancel(uuid, reason="second")


def test_cancelling_early_costs_the_early_fee_as_quoted(shop: Shop) -> None:
    uuid = shop.sale(shop.stock(places=2), places=2)
    quote = shop.quote(uuid)
    assert (quote["refund"], quote["fee"], quote["refundAmount"], quote["currency"]) == (
        "PARTIAL",
        1000,
        9000,
        "EUR",
    )
    assert shop.get(uuid)["status"] == "CONFIRMED"
    assert shop.cancel(uuid, quoteId=quote["id"])["cancellation"]["fee"] == 1000


def test_cancelling_late_costs_the_late_fee(shop: Shop) -> None:
    uuid = shop.sale(shop.stock(places=1, starts_in=timedelta(hours=12)))
    assert shop.cancel(uuid)["cancellation"]["fee"] == 2500


def test_a_quote_serves_no_other_booking(shop: Shop) -> None:
    departure = shop.stock(places=2)
    quote, other = shop.quote(shop.sale(departure)), shop.sale(departure)
    answer = shop.client.post(f"/bookings/{other}/cancel", json={"quoteId": quote["id"]})
    assert answer.json()["error"] == "INVALID_QUOTE_ID"
    assert shop.get(other)["status"] == "CONFIRMED"


def test_the_free_quote_of_a_hold_does_not_outlive_the_sale(shop: Shop) -> None:
    uuid = shop.reserve(shop.stock(places=1))["uuid"]
    quote = shop.quote(uuid)
    shop.confirm(uuid)
    answer = shop.client.post(f"/bookings/{uuid}/cancel", json={"quoteId": quote["id"]})
    assert (quote["fee"], answer.json()["error"]) == (0, "INVALID_QUOTE_ID")


def test_a_trip_that_has_begun_cannot_be_cancelled(shop: Shop) -> None:
    uuid = shop.sale(shop.stock(places=1, starts_in=timedelta(seconds=2)))
    time.sleep(2.1)
    assert shop.get(uuid)["cancellable"] is False
    assert "not cancellable" in shop.client.post(f"/bookings/{uuid}/cancel", json={}).json()["errorMessage"]


def test_an_answer_can_be_lost_after_the_booking_was_made(shop: Shop) -> None:
    order = shop.order(shop.stock(places=1))
    Faults(shop.server.folder).drop_after_effect()
    with pytest.raises(httpx.RemoteProtocolError, match="disconnected"):
        shop.client.post("/bookings", json=order)
    assert shop.get(order["uuid"])["status"] == "ON_HOLD"
    assert shop.client.post("/bookings", json=order).status_code == 200


def test_a_lost_answer_waits_for_a_change_that_happens(shop: Shop) -> None:
    uuid = shop.sale(shop.stock(places=1))
    Faults(shop.server.folder).drop_after_effect()
    assert shop.client.post(f"/bookings/{uuid}/extend", json={}).status_code == 422
    assert shop.quote(uuid)["fee"] == 500
    with pytest.raises(httpx.RemoteProtocolError):
        shop.cancel(uuid)
    assert shop.get(uuid)["status"] == "CANCELLED"


def test_a_late_effect_lands_although_the_client_has_gone(shop: Shop) -> None:
    order = shop.order(shop.stock(places=1))
    Faults(shop.server.folder).delay_effect(seconds=1.5)
    with pytest.raises(httpx.ReadTimeout):
        shop.client.post("/bookings", json=order, timeout=0.2)
    assert shop.client.get(f"/bookings/{order['uuid']}").json()["error"] == "INVALID_BOOKING_UUID"
    _wait_until(lambda: shop.client.get(f"/bookings/{order['uuid']}").json().get("status") == "ON_HOLD")


# The mail server


def test_the_wish_waits_in_the_desks_inbox_and_names_trip_day_and_people(world: World) -> None:
    with _mailbox(world, world.desk) as mailbox:
        [mail] = mailbox.fetch(AND(header=Header("Message-ID", world.wish_message_id)))
    words = " ".join(mail.text.split())
    assert mail.from_ == world.traveller.address
    assert world.wish.product_title in words
    assert str(int(world.wish.day[-2:])) in words
    assert {2: "two", 3: "three", 4: "four"}[world.wish.people] in words


def test_imap_finds_a_mail_by_its_headers_a_moment_after_it_was_sent(world: World) -> None:
    mail = _mail(world, **{ACTION_HEADER: f"act-{uuid4()}"})
    _send(world, mail)
    for name in ("Message-ID", ACTION_HEADER):
        with _mailbox(world, world.traveller) as mailbox:
            assert [each.uid for each in mailbox.fetch(AND(header=Header(name, mail[name])))]
            assert not list(mailbox.fetch(AND(header=Header(name, f"not-{mail[name]}"))))


def test_imap_shows_a_connected_client_the_mail_that_comes_in(world: World) -> None:
    mail = _mail(world)
    with _mailbox(world, world.traveller) as mailbox:
        assert not list(mailbox.fetch(AND(header=Header("Message-ID", mail["Message-ID"]))))
        _send(world, mail)
        mailbox.client.noop()
        assert list(mailbox.fetch(AND(header=Header("Message-ID", mail["Message-ID"]))))


def test_imap_hands_out_a_mail_byte_for_byte_as_it_was_sent(world: World) -> None:
    mail = _mail(world, **{"X-Long": "word " * 40 + "end"})
    sent = mail.as_bytes(policy=SMTP)
    with _smtp(world, world.desk) as smtp:
        smtp.sendmail(world.desk.address, [world.traveller.address], sent)
    with _imap(world) as imap:
        imap.login(world.traveller.address, world.traveller.password)
        imap.select()
        [number] = imap.search(None, "HEADER", "Message-ID", mail["Message-ID"])[1][0].split()
        parts = imap.fetch(number.decode(), "(BODY.PEEK[])")[1]
    assert [part[1] for part in parts if isinstance(part, tuple)] == [sent]


def test_a_draft_is_appended_and_removed_again(world: World) -> None:
    mail = _mail(world)
    with _mailbox(world, world.desk) as mailbox:
        mailbox.append(mail.as_bytes(), "Drafts", flag_set=["\\Draft"])
        mailbox.folder.set("Drafts")
        [draft] = mailbox.fetch(AND(header=Header("Message-ID", mail["Message-ID"])))
        assert "\\Draft" in draft.flags
        assert draft.uid is not None
        mailbox.delete(draft.uid)
        assert not list(mailbox.fetch(AND(header=Header("Message-ID", mail["Message-ID"]))))


def test_mail_survives_a_restart_of_its_server(fresh_world: World) -> None:
    mail = _mail(fresh_world)
    _send(fresh_world, mail)
    fresh_world.restart_server("mail")
    assert [each.message_id for each in effects(fresh_world).mails] == [mail["Message-ID"]]


def test_nobody_sends_without_logging_in(world: World) -> None:
    with _smtp(world) as smtp, pytest.raises(smtplib.SMTPSenderRefused, match="Authentication required"):
        smtp.send_message(_mail(world))


def test_a_wrong_password_is_refused_by_smtp_and_imap(world: World) -> None:
    with _smtp(world) as smtp, pytest.raises(smtplib.SMTPAuthenticationError):
        smtp.login(world.desk.address, "wrong")
    with pytest.raises(imaplib.IMAP4.error), _imap(world) as imap:
        imap.login(world.desk.address, "wrong")


def test_nobody_sends_in_another_ones_name(world: World) -> None:
    with _smtp(world, world.desk) as smtp, pytest.raises(smtplib.SMTPSenderRefused, match="logged in"):
        smtp.send_message(_mail(world), from_addr=world.traveller.address)


def test_an_unknown_recipient_is_refused_while_the_known_one_gets_the_mail(world: World) -> None:
    mail, stranger = _mail(world), f"nobody@{world.desk.address.split('@')[1]}"
    with _smtp(world, world.desk) as smtp:
        refused = smtp.send_message(mail, to_addrs=[world.traveller.address, stranger])
    assert refused[stranger][0] == 550
    assert _copies(world, mail) == 1


def test_a_mail_that_is_too_large_is_refused(world: World) -> None:
    mail = _mail(world)
    mail.set_content("long words\n" * 100_000)
    with _smtp(world, world.desk) as smtp, pytest.raises(smtplib.SMTPSenderRefused, match="exceeds"):
        smtp.send_message(mail)
    assert _copies(world, mail) == 0


def test_a_reply_can_be_lost_after_the_mail_was_delivered(world: World) -> None:
    mail = _mail(world)
    world.faults("mail").drop_after_effect()
    with pytest.raises(smtplib.SMTPServerDisconnected):
        _send(world, mail)
    assert _copies(world, mail) == 1


def test_a_late_mail_arrives_although_the_client_has_gone(world: World) -> None:
    mail = _mail(world)
    world.faults("mail").delay_effect(seconds=1.5)
    with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
        _send(world, mail, patience=0.3)
    assert _copies(world, mail) == 0
    _wait_until(lambda: _copies(world, mail) == 1)


# The calendar server


def test_an_event_is_created_once_and_never_overwritten_by_a_second_create(fresh_world: World) -> None:
    assert _put_event(fresh_world, "u1", "If-None-Match", "*").status_code == 201
    assert _put_event(fresh_world, "u1", "If-None-Match", "*").status_code == 412
    assert [event.uid for event in effects(fresh_world).events] == ["u1"]


def test_a_stale_etag_is_refused(fresh_world: World) -> None:
    stale = _put_event(fresh_world, "u1", "If-None-Match", "*").headers["ETag"]
    assert _put_event(fresh_world, "u1", "If-Match", stale, summary="Moved").status_code < 300
    assert _put_event(fresh_world, "u1", "If-Match", stale, summary="Lost").status_code == 412
    assert effects(fresh_world).events[0].summary == "Moved"


def test_the_calendar_answers_a_caldav_client(world: World) -> None:
    starts, ends = datetime(2030, 5, 4, 9, tzinfo=UTC), datetime(2030, 5, 4, 10, tzinfo=UTC)
    with _caldav(world) as client:
        [calendar] = client.principal().calendars()
        calendar.add_event(dtstart=starts, dtend=ends, summary="Tasting", uid="tasting")
        found = calendar.search(start=starts, end=ends, event=True)
    assert ["tasting" in each.data for each in found] == [True]
    assert starts in [event.starts for event in effects(world).events]


def test_the_calendar_belongs_to_the_desk_alone(world: World) -> None:
    traveller = (world.traveller.address, world.traveller.password)
    for login, status in ((traveller, 401), (None, 401)):
        assert httpx.get(world.addresses.calendar_url, auth=login, trust_env=False).status_code == status


# The world


def test_another_process_finds_everything_it_needs_in_the_folder(world: World) -> None:
    attached = World.attach(world.folder)
    assert (attached.addresses, attached.wish) == (world.addresses, world.wish)
    assert (attached.desk, attached.octo_token) == (world.desk, world.octo_token)
    assert attached.pids() == {}
    with pytest.raises(WorldError, match="belongs to the process that created this world"):
        attached.restart_server("octo")


def test_the_wish_can_be_booked_at_the_price_it_names(fresh_world: World) -> None:
    with _client(fresh_world.addresses.octo_url, fresh_world.octo_token) as client:
        booked = _book_the_wish(fresh_world, client)
    assert booked["pricing"]["total"] == fresh_world.wish.total
    assert booked["pricing"]["currency"] == fresh_world.wish.currency


def test_every_world_is_another_one_unless_the_seed_is_the_same() -> None:
    today = date(2030, 1, 1)
    assert draw(Random(7), today) == draw(Random(7), today)
    assert draw(Random(7), today) != draw(Random(8), today)


def test_every_departure_lies_in_the_future() -> None:
    story = draw(Random(), date.today())
    assert all(each.starts > datetime.now(UTC) + timedelta(days=10) for each in story.departures)


def test_a_world_wants_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "letter").touch()
    with pytest.raises(WorldError, match="is not empty"):
        World.create(tmp_path)


def test_there_is_no_world_in_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match=r"World\.create makes one"):
        World.attach(tmp_path)


def test_a_server_that_does_not_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    server = Server("octo", "examples.trip_desk.octo", tmp_path, ("port",))
    server.start()
    with pytest.raises(ServerError, match=r"its log ends with\n(.*\n)*.*FileNotFoundError"):
        server.wait_until_ready()
    server.stop()


def test_stopping_the_world_ends_only_its_own_processes(tmp_path: Path) -> None:
    with World.create(tmp_path / "one") as one, World.create(tmp_path / "two") as two:
        ended, alive = one.pids(), two.pids()
        one.stop()
        assert not any(_is_running(pid) for pid in ended.values())
        assert all(_is_running(pid) for pid in alive.values())
        assert effects(two).duplicates == ()
        one.stop()


def test_a_world_whose_process_ends_without_a_word_takes_its_servers_along(tmp_path: Path) -> None:
    folder = tmp_path / "world"
    script = "import sys; from examples.trip_desk.world import World;print(*World.create(sys.argv[1]).pids().values())"
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 3
    assert not any(_is_running(pid) for pid in pids)


def test_a_killed_server_comes_back_with_what_it_had(fresh_world: World) -> None:
    with _client(fresh_world.addresses.octo_url, fresh_world.octo_token) as client:
        booked = _book_the_wish(fresh_world, client)
    os.kill(fresh_world.pids()["octo"], signal.SIGKILL)
    fresh_world.restart_server("octo")
    assert [each.uuid for each in effects(fresh_world).bookings] == [booked["uuid"]]


# The evidence


def test_a_new_world_shows_no_effects(fresh_world: World) -> None:
    seen = effects(fresh_world)
    assert (seen.mails, seen.bookings, seen.events, seen.duplicates) == ((), (), (), ())


def test_one_of_each_is_no_duplicate(fresh_world: World) -> None:
    _carry_out_once(fresh_world, "act-1")
    seen = effects(fresh_world)
    assert (len(seen.mails), len(seen.live_bookings), len(seen.events)) == (1, 1, 1)
    assert seen.mails[0].body.strip() == "All booked."
    assert seen.live_bookings[0].places == fresh_world.wish.people
    assert seen.duplicates == ()


def test_two_of_each_are_three_duplicates(fresh_world: World) -> None:
    for _ in range(2):
        _carry_out_once(fresh_world, "act-1")
    kinds = [re.sub(r" [^ ]*[0-9].*", "", each) for each in effects(fresh_world).duplicates]
    assert kinds == ["another mail of the action", "another live booking", "another event"]


def test_two_copies_of_one_mail_are_a_duplicate(fresh_world: World) -> None:
    mail = _mail(fresh_world)
    for _ in range(2):
        _send(fresh_world, mail)
    seen = effects(fresh_world)
    assert [each.copies for each in seen.mails] == [2]
    assert seen.duplicates == (f"another copy of the mail {mail['Message-ID']}",)


def test_a_cancelled_booking_is_no_duplicate_of_the_next(fresh_world: World) -> None:
    with _client(fresh_world.addresses.octo_url, fresh_world.octo_token) as client:
        first = _book_the_wish(fresh_world, client)
        client.post(f"/bookings/{first['uuid']}/cancel", json={}).raise_for_status()
        _book_the_wish(fresh_world, client)
    seen = effects(fresh_world)
    assert [each.status for each in seen.bookings] == ["CANCELLED", "ON_HOLD"]
    assert seen.duplicates == ()


# Hands


def _mailbox(world: World, person: Person) -> MailBoxUnencrypted:
    mailbox = MailBoxUnencrypted(world.addresses.imap_host, world.addresses.imap_port)
    mailbox.login(person.address, person.password)
    return mailbox


def _imap(world: World) -> imaplib.IMAP4:
    return imaplib.IMAP4(world.addresses.imap_host, world.addresses.imap_port)


def _smtp(world: World, person: Person | None = None, patience: float = 10) -> smtplib.SMTP:
    where = world.addresses
    smtp = smtplib.SMTP(where.smtp_host, where.smtp_port, local_hostname="localhost", timeout=patience)
    if person is not None:
        smtp.login(person.address, person.password)
    return smtp


def _mail(world: World, **headers: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = world.desk.address
    mail["To"] = world.traveller.address
    mail["Subject"] = "Your trip"
    mail["Message-ID"] = make_msgid(domain="desk.test")
    for name, value in headers.items():
        mail[name] = value
    mail.set_content("All booked.\n")
    return mail


def _send(world: World, mail: EmailMessage, patience: float = 10) -> None:
    smtp = _smtp(world, world.desk, patience)
    try:
        smtp.send_message(mail)
    finally:
        smtp.close()


def _copies(world: World, mail: EmailMessage) -> int:
    return sum(each.copies for each in effects(world).mails if each.message_id == mail["Message-ID"])


def _caldav(world: World) -> Any:
    """A client that its own types do not tell from its async twin."""
    desk = world.desk
    return DAVClient(url=world.addresses.caldav_url, username=desk.address, password=desk.password)


def _put_event(world: World, uid: str, condition: str, value: str, summary: str = "Trip") -> httpx.Response:
    starts = "20300504T090000Z"
    head = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tests//EN", "BEGIN:VEVENT")
    event = (f"UID:{uid}", f"DTSTAMP:{starts}", f"DTSTART:{starts}", f"SUMMARY:{summary}")
    return httpx.put(
        f"{world.addresses.calendar_url}{uid}.ics",
        content="\r\n".join((*head, *event, "END:VEVENT", "END:VCALENDAR", "")),
        headers={condition: value, "Content-Type": "text/calendar"},
        auth=(world.desk.address, world.desk.password),
        trust_env=False,
    )


def _book_the_wish(world: World, client: httpx.Client) -> dict[str, Any]:
    wish = world.wish
    what = {"productId": wish.product_id, "optionId": wish.option_id, "availabilityId": wish.availability_id}
    items = [{"unitId": wish.unit_id}] * wish.people
    order = {"uuid": str(uuid4()), **what, "unitItems": items}
    return client.post("/bookings", json=order).raise_for_status().json()


def _carry_out_once(world: World, action: str) -> None:
    with _client(world.addresses.octo_url, world.octo_token) as client:
        _book_the_wish(world, client)
    _put_event(world, f"event-{uuid4()}", "If-None-Match", "*").raise_for_status()
    _send(world, _mail(world, **{ACTION_HEADER: action}))


def _wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.1)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
