"""What an answer of a booking server proves, however strange it is."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from agentkit.call import Slot, ToolCall
from agentkit.errors import InvalidToolCall, ToolFailed
from agentkit.toolbox import Toolbox
from agentkit_tools.booking import Booking, Octo
from agentkit_tools.booking.octo.documents import PricingDocument
from agentkit_tools.booking.server import LONGEST_ANSWER, Refusal, Refused, Server

Answering = Callable[[httpx.Response], Server]


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Answering:
    """A server that always answers this."""

    def make(answer: httpx.Response) -> Server:
        transport = httpx.MockTransport(lambda request: answer)
        monkeypatch.setattr(Server, "_client", lambda self: httpx.AsyncClient(transport=transport))
        return Server("https://booking.example.test/", {}, 5, lambda said: Refusal(said["error"], said["message"]))

    return make


def refusal(status: int, code: str, message: str = "no") -> httpx.Response:
    return httpx.Response(status, json={"error": code, "message": message})


@pytest.mark.parametrize("answer", [refusal(404, ""), refusal(400, "INVALID_BOOKING_UUID")])
async def test_a_booking_that_is_not_there_is_none(answering, answer):
    assert await answering(answer).find(dict, "bookings", "u") is None


@pytest.mark.parametrize("answer", [refusal(400, "INVALID_TOKEN"), refusal(403, "INVALID_BOOKING_UUID")])
async def test_another_refusal_does_not_say_that_nothing_is_there(answering, answer):
    with pytest.raises(Refused):
        await answering(answer).find(dict, "bookings", "u")


async def test_a_request_that_timed_out_at_the_server_proves_nothing(answering):
    with pytest.raises(httpx.HTTPStatusError):
        await answering(refusal(408, "TIMEOUT")).change(dict, "POST", "bookings", body={})


async def test_a_refusal_says_no_more_than_somebody_reads(answering):
    with pytest.raises(Refused) as error:
        await answering(refusal(422, "C" * 9000, "m" * 9000)).change(dict, "POST", "bookings", body={})
    assert len(str(error.value)) < 700


async def test_an_answer_without_end_is_not_read(answering):
    long = httpx.Response(200, content=b'"' + b"x" * LONGEST_ANSWER + b'"')
    with pytest.raises(ToolFailed, match="longer than"):
        await answering(long).ask(str, "GET", "bookings")


@pytest.mark.parametrize("part", [".", ".."])
async def test_a_step_that_leads_elsewhere_is_not_taken(answering, part):
    with pytest.raises(ToolFailed, match="is no id"):
        await answering(httpx.Response(200, json={})).ask(dict, "GET", "bookings", part)


@pytest.mark.parametrize("precision", [-1, 7])
def test_no_currency_has_so_many_digits(precision: Any):
    with pytest.raises(ValidationError):
        PricingDocument.model_validate({"retail": 1, "currency": "EUR", "currencyPrecision": precision})


def test_a_booking_is_confirmed_for_an_address_that_is_one():
    kit = Booking(Octo(url="https://octo.example.org", token=SecretStr("t")))
    arguments = {"uuid": "u", "contact_name": "Ann", "contact_email": "ann", "expected_total": "1", "currency": "EUR"}
    with pytest.raises(InvalidToolCall, match="'ann' is not a mail address"):
        Toolbox(kit).validate(ToolCall("booking.confirm", arguments, Slot("r", 0, 0)))
