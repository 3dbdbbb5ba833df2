"""Access tokens end; grants can be renewed, revoked, and used by several processes at once."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr, ValidationError

from agentkit.errors import InvalidSettings, ToolFailed
from agentkit_tools.accounts import Connected, NotConnected
from agentkit_tools.accounts.client import Answer, NoAnswer
from agentkit_tools.accounts.grant import Grant
from agentkit_tools.accounts.keeping import InFile
from agentkit_tools.accounts.register import kept_by

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
FETCH = "from agentkit_tools.accounts import Connected; print(Connected('work').access_token())"


def grant_for(seconds, **more):
    answer = Answer.model_validate({"access_token": "a", "token_type": "bearer", "expires_in": seconds, **more})
    return Grant.given(answer, NOW, SecretStr("old"), None)


def kept(account):
    grant = Grant.read(kept_by(account.entry).load() or "")
    assert grant is not None
    return grant


def expire(account):
    """As if its hour were over."""
    grant = kept(account)
    past = datetime.now(UTC) - timedelta(hours=2)
    kept_by(account.entry).save(grant.model_copy(update={"issued_at": past, "renew_at": past}).written())


def test_a_good_token_is_used_again_and_nobody_is_asked(person):
    account = person.connect()
    assert account.access_token() == account.access_token() == Connected("work").access_token()
    assert person.authorization.office.token_requests == ["authorization_code"]


def test_a_token_near_its_end_is_renewed(person):
    account = person.connect()
    first = account.access_token()
    expire(account)
    second = account.access_token()
    assert second != first
    assert person.authorization.office.introspect(second)["active"] is True
    assert account.access_token() == second


def test_a_rotated_refresh_token_is_kept_each_time(person):
    account = person.connect()
    tokens = set()
    for _ in range(4):
        expire(account)
        tokens.add(account.access_token())
    assert len(tokens) == 4
    assert not person.authorization.office.grants[0].revoked


def test_a_refresh_token_that_is_not_rotated_stays_good(person):
    person.authorization.office.rotates = False
    account = person.connect()
    for _ in range(2):
        expire(account)
        assert person.authorization.office.introspect(account.access_token())["active"] is True


def test_a_token_that_a_server_has_rejected_is_not_given_again(person):
    account = person.connect()
    first = account.access_token()
    second = account.access_token(rejected=first)
    assert second not in ("", first)
    assert account.access_token(rejected=first) == second


def test_processes_that_renew_at_once_renew_once(person):
    account = person.connect()
    expire(account)
    person.authorization.office.delay = 0.5
    program = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {FETCH}"]
    processes = [subprocess.Popen(program, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    tokens = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert len(tokens) == 1
    assert person.authorization.office.introspect(tokens.pop())["active"] is True
    assert person.authorization.office.token_requests == ["authorization_code", "refresh_token"]


def test_a_revoked_grant_says_what_to_run(person):
    account = person.connect()
    expire(account)
    person.authorization.office.grants[0].revoked = True
    with pytest.raises(NotConnected, match=r"does not accept alice@example\.test any more.*run: agentkit connect work"):
        account.access_token()


def test_a_no_that_repeats_the_refresh_token_is_not_repeated_by_us(person):
    account = person.connect()
    expire(account)
    person.authorization.office.grants[0].revoked = True
    with pytest.raises(NotConnected) as error:
        account.access_token()
    assert r"the refresh token \*\*\* is unknown".replace("\\", "") in str(error.value)
    assert not [secret for secret in person.authorization.office.secrets() if secret in str(error.value)]


@pytest.mark.parametrize("status", [500, 503, 429, 404])
def test_a_provider_that_is_out_of_order_is_asked_again_later(person, status):
    account = person.connect()
    expire(account)
    person.authorization.office.trouble = [status]
    with pytest.raises(ToolFailed, match=f"answered {status}; try again later") as error:
        account.access_token()
    assert not isinstance(error.value, NotConnected)
    assert person.authorization.office.introspect(account.access_token())["active"] is True


def test_a_provider_that_is_not_there_is_named(person):
    account = person.connect()
    expire(account)
    provider = account.entry.provider.model_copy(update={"token_url": "http://127.0.0.1:9/token"})
    account.entry = account.entry.model_copy(update={"provider": provider})
    with pytest.raises(ToolFailed, match=r"http://127\.0\.0\.1:9/token did not answer: ConnectError"):
        account.access_token()


def test_a_register_that_cannot_be_written_costs_no_refresh_token(person, monkeypatch):
    account = person.connect()
    expire(account)

    def full(self, text):
        raise InvalidSettings("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(InFile, "save", full)
        with pytest.raises(ToolFailed, match="no space left"):
            account.access_token()
    assert person.authorization.office.token_requests == ["authorization_code"]
    assert person.authorization.office.introspect(account.access_token())["active"] is True


def test_disconnecting_revokes_and_forgets(person, register):
    account = person.connect()
    token = account.access_token()
    assert account.disconnect() is True
    assert person.authorization.office.introspect(token) == {"active": False}
    assert sorted(file.suffix for file in register.iterdir()) == [".lock"]
    with pytest.raises(NotConnected, match="run: agentkit connect work"):
        Connected("work")


def test_what_cannot_be_revoked_is_forgotten_nevertheless(person):
    account = person.connect(revocation_url="http://127.0.0.1:9/revoke")
    with pytest.raises(NoAnswer):
        account.disconnect()
    with pytest.raises(NotConnected):
        Connected("work")


def test_tokens_that_cannot_be_read_are_neither_given_back_nor_forgotten(person, register):
    account = person.connect()
    (register / "work.tokens").chmod(0o644)
    with pytest.raises(InvalidSettings, match="chmod 600"):
        account.disconnect()
    (register / "work.tokens").chmod(0o600)
    assert account.disconnect()
    assert person.authorization.office.grants[0].revoked


def test_where_the_tokens_are_gone_the_account_is_forgotten_and_the_other_way_named(person, register):
    account = person.connect()
    (register / "work.tokens").unlink()
    with pytest.raises(NotConnected, match="end the access at"):
        account.disconnect()
    assert not (register / "work.json").exists()


@pytest.mark.parametrize(
    "tokens", [{"access_token": "a\r\nX: y"}, {"access_token": "a b"}, {"access_token": "a", "refresh_token": "a\n"}]
)
def test_tokens_that_could_begin_another_line_are_not_taken(tokens):
    with pytest.raises(ValidationError, match="characters that no"):
        Answer.model_validate({"token_type": "bearer", **tokens})


def test_an_unknown_account_says_what_to_run(register):
    for name in ("nobody", "../nobody", ""):
        with pytest.raises(NotConnected, match="run: agentkit connect"):
            Connected(name)


@pytest.mark.parametrize(
    ("seconds", "moment", "good"),
    [
        (3600, timedelta(minutes=58), True),
        (3600, timedelta(minutes=59), False),
        (3600, timedelta(seconds=-30), True),
        (3600, timedelta(hours=-1), False),
        (40, timedelta(seconds=29), True),
        (40, timedelta(seconds=30), False),
    ],
)
def test_a_token_is_renewed_before_its_end_and_when_the_clock_was_set_back(seconds, moment, good):
    assert grant_for(seconds).good(NOW + moment) is good


def test_a_provider_that_tells_no_time_is_asked_often():
    answer = Answer.model_validate({"access_token": "a", "token_type": "Bearer"})
    assert Grant.given(answer, NOW, SecretStr("r"), None).renew_at - NOW == timedelta(seconds=240)


def test_a_grant_survives_being_written():
    grant = grant_for(3600, refresh_token="new")
    assert Grant.read(grant.written()) == grant
    assert grant.refresh_token.get_secret_value() == "new"
    assert grant_for(3600).refresh_token.get_secret_value() == "old"


def test_no_token_is_shown(person, caplog, capfd, monkeypatch):
    def agree(page):
        with caplog.at_level("CRITICAL"):  # this browser writes down where it goes, as a real one does
            type(person).agree(person, page)

    monkeypatch.setattr(person, "agree", lambda page, address: agree(page))
    with caplog.at_level("DEBUG"):
        account = person.connect()
        expire(account)
        account.access_token()
        shown = f"{account!r} {account} {account.entry!r} {kept(account)!r}"
        account.disconnect()
    everywhere = shown + caplog.text + "".join(capfd.readouterr())
    assert "HTTP Request" in caplog.text
    assert not [secret for secret in person.authorization.office.secrets() if secret in everywhere]
