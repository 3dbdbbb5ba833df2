"""Secrets do not appear in text, however they are encoded."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from agentkit.telemetry import Redactor

SECRET = 'correct horse/"battery"+стейпл&co'


@pytest.fixture
def redactor() -> Redactor:
    redactor = Redactor()
    redactor.register(SecretStr(SECRET), "mail")
    return redactor


@pytest.mark.parametrize(
    "encoded",
    [
        SECRET,
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET).lower(),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        html.escape(SECRET),
        SECRET.encode().hex(),
    ],
)
def test_a_secret_is_replaced_by_its_name_however_it_is_encoded(redactor, encoded):
    assert redactor.redact(f"the password is '{encoded}', keep it") == "the password is '[secret mail]', keep it"


@pytest.mark.parametrize("user", ["a", "ab", "abc", "me@example.org"])
def test_a_secret_inside_a_basic_header_is_replaced(redactor, user):
    header = base64.b64encode(f"{user}:{SECRET}".encode()).decode()
    redacted = redactor.redact(f"Authorization: Basic {header}")
    before, behind = redacted.split(" ", 2)[2].split("[secret mail]")
    assert len(before) <= len(base64.b64encode(f"{user}:".encode()))
    assert len(behind) <= 3


@given(before=st.binary(max_size=7), behind=st.binary(max_size=7), secret=st.text(min_size=6, max_size=40))
def test_nothing_of_base64_but_the_edges_survives(before, behind, secret):
    redactor = Redactor()
    redactor.register(secret)
    encoded = base64.b64encode(before + secret.encode() + behind).decode()
    left = len(redactor.redact(encoded).replace("[secret]", ""))
    assert left <= len(base64.b64encode(before + behind)) + 4


@given(secret=st.text(min_size=6), around=st.text(alphabet="xyz ", max_size=9))
def test_no_registered_value_is_left_in_the_text(secret, around):
    redactor = Redactor()
    redactor.register(secret)
    redacted = redactor.redact(around + secret + around)
    assert redacted == f"{around}[secret]{around}" or secret in "[secret]" or set(secret) <= set("xyz ")


def test_a_short_value_does_not_shred_the_text(redactor):
    redactor.register("1234", "pin")
    redactor.register("", "nothing")
    assert redactor.redact("call 1234 or 12345678") == "call 1234 or 12345678"


def test_the_longer_of_two_secrets_wins(redactor):
    redactor.register("password", "short")
    redactor.register("password-of-the-bank", "long")
    assert redactor.redact("password-of-the-bank, password") == "[secret long], [secret short]"


def test_every_text_in_data_is_redacted(redactor):
    data = {"a": [SECRET, 1, None, {"b": f"x{SECRET}"}], SECRET: True}
    assert redactor.redact_data(data) == {
        "a": ["[secret mail]", 1, None, {"b": "x[secret mail]"}],
        "[secret mail]": True,
    }


def test_a_redactor_does_not_print_what_it_knows(redactor):
    assert repr(redactor) == "Redactor(of 1 secrets)"


def test_a_redactor_that_knows_nothing_changes_nothing():
    assert Redactor().redact("anything") == "anything"
