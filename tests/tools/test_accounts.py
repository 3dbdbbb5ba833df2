"""Accounts: passwords travel encrypted and are never shown."""

import re
import ssl
from smtplib import SMTP
from typing import Any

import pytest
from imap_tools import BaseMailBox
from pydantic import SecretStr, TypeAdapter, ValidationError

from agentkit.errors import InvalidSettings, ToolFailed
from agentkit_tools.booking import Octo
from agentkit_tools.calendar import CalendarAccount
from agentkit_tools.email import Address, Email, MailAccount


def mail_account(**changes: object) -> MailAccount:
    given = {
        "address": "desk@example.org",
        "password": SecretStr("hunter2"),
        "smtp_host": "mail.example.org",
        "imap_host": "mail.example.org",
    }
    return MailAccount.model_validate({**given, **changes})


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_mail_may_go_unencrypted_on_the_loopback(host):
    assert mail_account(smtp_host=host, imap_host=host, security="none").security == "none"


@pytest.mark.parametrize("host", ["mail.example.org", "10.0.0.1", "localhost.example.org"])
def test_mail_never_goes_unencrypted_to_anywhere_else(host):
    with pytest.raises(ValueError, match="show the password") as error:
        mail_account(smtp_host=host, security="none")
    assert "hunter2" not in str(error.value)


def test_the_other_server_is_watched_too():
    with pytest.raises(ValueError, match="show the password"):
        mail_account(smtp_host="127.0.0.1", security="tls", imap_security="none")


@pytest.mark.parametrize("kind", [Octo, CalendarAccount])
@pytest.mark.parametrize(
    "url", ["http://example.org/", "ftp://127.0.0.1/", "https://a:b@example.org/", "https://x/?y=1", "x"]
)
def test_a_url_is_https_or_on_the_loopback(kind, url):
    with pytest.raises(ValidationError, match="url") as error:
        kind.model_validate({"url": url, "token": "hunter2", "username": "u", "password": "hunter2"})
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "account",
    [
        mail_account(),
        Octo(url="https://example.org", token=SecretStr("hunter2")),
        CalendarAccount(url="https://example.org/c", username="u", password=SecretStr("hunter2")),
    ],
)
def test_no_password_is_shown(account):
    assert "hunter2" not in f"{account!r} {account}"


def test_an_account_that_does_not_fit_does_not_show_its_password():
    with pytest.raises(ValidationError) as error:
        mail_account(password="hunter2", smtp_port="hunter2x")
    assert "hunter2" not in str(error.value)


class Tokens:
    def access_token(self, rejected: str | None = None) -> str:
        return "hunter2"


@pytest.mark.parametrize("given", [{}, {"password": "hunter2", "tokens": Tokens()}])
def test_an_account_logs_in_one_way(given):
    mail = {"address": "desk@example.org", "smtp_host": "mail.example.org", "imap_host": "mail.example.org"}
    calendar = {"url": "https://example.org/c", "username": "u"}
    for kind, fields in ((MailAccount, mail), (CalendarAccount, calendar)):
        with pytest.raises(ValidationError, match="exactly one") as error:
            kind.model_validate({**fields, **given})
        assert "hunter2" not in str(error.value)


def test_an_authority_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "empty.pem").write_text("")
    for file in (tmp_path / "none.pem", tmp_path / "empty.pem"):
        with pytest.raises(InvalidSettings, match=re.escape(str(file))):
            mail_account(ca_file=file).tls()


def test_certificates_and_names_are_always_verified():
    tls = mail_account().tls()
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_jmap_is_encrypted_too():
    with pytest.raises(ValidationError, match="use https"):
        mail_account(jmap_url="http://mail.example.org/jmap/")


@pytest.mark.parametrize("text", ["Ann <ann@example.org>", "ann@example.org, eve@example.org", "ann", "é@x.org"])
def test_an_address_is_exactly_one_mailbox(text):
    with pytest.raises(ValidationError):
        TypeAdapter(Address).validate_python(text)


def test_a_domain_in_another_script_is_written_in_ascii():
    assert TypeAdapter(Address).validate_python("ann@bücher.example.org") == "ann@xn--bcher-kva.example.org"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/c/sub/x.ics",
        "https://example.org/c/../d.ics",
        "https://example.org/c/%2e%2e%2fd.ics",
        "https://example.org/c/..",
        "https://example.org/c/",
        "https://example.org/d/x.ics",
        "https://eve.example.org/c/x.ics",
        "https://u@example.org/c/x.ics",
        "http://example.org/c/x.ics",
        "https://example.org/c/x.ics?y",
    ],
)
def test_a_calendar_holds_only_its_own_events(url):
    account = CalendarAccount(url="https://example.org/c", username="u", password=SecretStr("p"))
    assert account.holds("https://example.org/c/x.ics")
    assert not account.holds(url)


def test_an_unknown_time_zone_is_named():
    with pytest.raises(ValidationError, match="Europe/Lisbon"):
        CalendarAccount(url="https://x.org/c", username="u", password=SecretStr("p"), time_zone="Lisbon")


def test_the_address_of_jmap_is_taken_as_it_is_written():
    url = "https://mail.example.org/jmap/session"
    assert mail_account(jmap_url=url).jmap_url == url


def test_a_password_in_another_script_is_shown_to_no_library_that_complains_about_it():
    class Box(BaseMailBox):
        def __init__(self) -> None:
            """Connects to nothing."""

        def _get_mailbox_client(self) -> Any:
            raise AssertionError

        def login_utf8(self, username: str, password: str, initial_folder: str | None = "INBOX") -> Any:
            self.given = (username, password, initial_folder)

    account, box = mail_account(password="pässword"), Box()
    account.log_in_imap(box)
    assert box.given == ("desk@example.org", "pässword", None)
    with pytest.raises(ToolFailed, match="ASCII") as error:
        account.log_in_smtp(SMTP())
    assert "ä" not in str(error.value)


async def test_an_authority_that_cannot_be_read_fails_every_tool_and_nothing_else(tmp_path, context, call):
    kit = Email(mail_account(ca_file=tmp_path / "none.pem"))
    letter = {"to": ["ann@example.org"], "subject": "s", "body": "b"}
    jmap = Email(mail_account(ca_file=tmp_path / "none.pem", jmap_url="https://mail.example.org/jmap/"))
    for trying in (
        call(kit.search, context()),
        call(kit.send, context(), **letter),
        call(jmap.send, context(), **letter),
    ):
        with pytest.raises(ToolFailed, match="no certificates"):
            await trying
