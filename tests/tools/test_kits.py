"""Kits: iterable over typed tools, each with its two declarations."""

from datetime import timedelta
from decimal import Decimal
from typing import assert_type

import pytest
from pydantic import SecretStr

from agentkit.call import Proposal, Slot, ToolCall
from agentkit.effects import (
    Blind,
    Compensable,
    Delayable,
    Effect,
    ExactInverse,
    Findable,
    Idempotent,
    Irreversible,
    Keyed,
    Quote,
    ReadOnly,
)
from agentkit.errors import InvalidToolCall
from agentkit.label import Bound, Content, Handle
from agentkit.toolbox import Toolbox
from agentkit_tools.booking import Booking, Octo, Reservation
from agentkit_tools.calendar import Calendar, CalendarAccount, Event
from agentkit_tools.email import Email, MailAccount, Sent

ACCOUNT = MailAccount(
    address="desk@example.org", password=SecretStr("p"), smtp_host="s.example.org", imap_host="i.example.org"
)
email = Email(ACCOUNT)
booking = Booking(Octo(url="https://octo.example.org", token=SecretStr("t")))
calendar = Calendar(CalendarAccount(url="https://dav.example.org/c", username="u", password=SecretStr("p")))


def test_all_kits_fit_into_one_toolbox():
    names = {tool.name for tool in Toolbox([*email, *booking, *calendar])}
    assert names == {
        "booking.confirm",
        "booking.confirm_cancellation",
        "booking.extend",
        "booking.find",
        "booking.get",
        "booking.products",
        "booking.quote_cancellation",
        "booking.release",
        "booking.reserve",
        "booking.search_availability",
        "calendar.cancel_meeting",
        "calendar.create_event",
        "calendar.create_meeting",
        "calendar.delete_event",
        "calendar.get_event",
        "calendar.list_events",
        "calendar.quote_cancellation",
        "calendar.restore_event",
        "calendar.restore_meeting",
        "calendar.update_event",
        "calendar.update_meeting",
        "email.discard_draft",
        "email.draft",
        "email.flag",
        "email.move",
        "email.move_back",
        "email.read",
        "email.recall",
        "email.reply",
        "email.restore_flag",
        "email.search",
        "email.send",
    }


def test_every_tool_says_what_it_does():
    assert all(tool.description and tool.declared for tool in [*email, *booking, *calendar])


def test_the_type_checker_knows_what_a_proposal_will_answer():
    assert_type(email.send(to=["a@example.org"], subject="s", body="b"), Proposal[Sent])
    assert_type(booking.confirm("u", "Ann", "a@example.org", Decimal("1"), "EUR"), Proposal[Reservation])


@pytest.mark.parametrize(
    ("tool", "repeat", "undo"),
    [
        (email.search, ReadOnly, Irreversible),
        (email.send, Findable, Delayable),
        (booking.reserve, Keyed, ExactInverse),
        (booking.extend, Blind, Irreversible),
        (booking.confirm, Idempotent, Compensable),
        (booking.confirm_cancellation, Idempotent, Irreversible),
        (booking.release, Idempotent, Irreversible),
        (calendar.create_event, Idempotent, ExactInverse),
        (calendar.delete_event, Idempotent, ExactInverse),
        (calendar.update_event, Idempotent, ExactInverse),
    ],
)
def test_each_tool_declares_repeat_and_undo(tool, repeat, undo):
    assert isinstance(tool.repeat, repeat)
    assert isinstance(tool.undo, undo)


def test_without_its_own_copy_a_sending_cannot_be_found_again():
    assert Email(ACCOUNT, own_copy=False, hold=timedelta(0)).send.repeat == Blind(marked=True)


def test_arguments_and_results_are_marked():
    assert email.send.argument_markers == {
        "to": Bound,
        "cc": Bound,
        "bcc": Bound,
        "body": Content,
        "attachments": Content,
    }
    assert booking.reserve.result_markers["uuid"] == Handle
    assert booking.search_availability.result_markers["*.id"] == Handle
    assert calendar.create_event.result_markers == {"url": Handle, "etag": Handle}
    assert "text" not in email.read.result_markers


def test_the_inverse_of_a_hold_is_known_before_it_is_made():
    undo = booking.reserve.undo
    assert isinstance(undo, ExactInverse)
    before = undo.inverse(Effect("ab" * 32, {"availability_id": "a1", "places": 2}, None))
    uuid = "abababab-abab-4bab-abab-abababababab"
    assert before == Proposal("booking.release", {"uuid": uuid, "availability_id": "a1", "places": 2})


def test_a_confirmation_is_compensated_within_the_quoted_fee():
    undo = booking.confirm.undo
    assert isinstance(undo, Compensable)
    effect = Effect[Quote]("ab" * 32, {"uuid": "u1"}, None)
    assert undo.compensate(effect).as_data() == {"tool": "booking.confirm_cancellation", "arguments": {"uuid": "u1"}}
    assert undo.quote is not None
    assert undo.quote(effect).tool == "booking.quote_cancellation"
    assert undo.limit in booking.confirm_cancellation.arguments.model_fields


def test_the_inverse_of_an_event_rests_on_its_etag_or_on_what_was_written():
    undo = calendar.create_event.undo
    assert isinstance(undo, ExactInverse)
    arguments = {"summary": "s", "start": "2026-12-01T09:00:00Z", "end": "2026-12-01T10:00:00Z"}
    before = undo.inverse(Effect("ab" * 32, arguments, None))
    assert before
    url = f"https://dav.example.org/c/ak-{'ab' * 16}.ics"
    assert before.arguments["url"] == url
    assert before.arguments["etag"] is None
    assert len(before.arguments["written"]) == 64
    event = Event.model_validate({**arguments, "url": url, "uid": "x", "etag": '"1"'})
    after = undo.inverse(Effect("ab" * 32, arguments, event))
    assert after
    assert after.arguments == {**before.arguments, "etag": '"1"'}


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"to": []}, "at least 1 item"),
        ({"subject": "x\r\nBcc: eve@example.org"}, "one line"),
        ({"subject": "=?utf-8?q?x?="}, "decode that into other words"),
    ],
)
def test_a_mail_that_could_never_be_sent_is_refused_when_it_is_proposed(changed, problem):
    arguments = {"to": ["ann@example.org"], "subject": "s", "body": "b"} | changed
    with pytest.raises(InvalidToolCall, match=problem):
        Toolbox([email.send]).validate(ToolCall("email.send", arguments, Slot("r", 0, 0)))
