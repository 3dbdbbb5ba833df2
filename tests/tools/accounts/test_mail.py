"""A connected account reads and sends mail at a real server, which asks the authorization server about each token."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentkit import Agent, ScriptedModel
from agentkit.errors import ToolFailed
from agentkit_tools.accounts import Connected, NotConnected, sasl
from agentkit_tools.accounts.connecting import connect
from agentkit_tools.accounts.described import client_named
from agentkit_tools.email import Email, MailAccount
from tests.servers import dovecot, oauth
from tests.servers.dovecot import Mailhouse
from tests.servers.oauth import Authorization

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("accounts-mail")]
ALICE, BOB = "alice@example.test", "bob@example.test"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("accounts-mail")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(place)
        yield place


@pytest.fixture(scope="module")
def authorization(folder: Path) -> Iterator[Authorization]:
    with oauth.running(folder) as server:
        yield server


@pytest.fixture(scope="module")
def house(folder: Path, authorization: Authorization) -> Iterator[Mailhouse]:
    if not dovecot.installed():
        pytest.skip(f"needs Dovecot: {dovecot.INSTALL}")
    (folder / "house").mkdir()
    with dovecot.running(folder / "house", oauth_introspection_url=authorization.introspection_url) as running:
        yield running


@pytest.fixture
def connected(
    folder: Path, authorization: Authorization, house: Mailhouse, monkeypatch: pytest.MonkeyPatch
) -> Connected:
    """Alice has agreed in her browser, just now."""
    monkeypatch.setenv("AGENTKIT_ACCOUNTS", str(folder / "accounts"))  # every test begins without such settings
    where = {
        "imap_host": house.host,
        "imap_port": house.imaps_port,
        "smtp_host": house.host,
        "smtp_port": house.smtps_port,
        "ca_file": house.ca_file,
    }
    (folder / "accounts.toml").write_text(authorization.settings("work", **where))
    authorization.office.token_requests.clear()
    connect("work", ALICE, client_named("work"), "file", show=lambda page: authorization.agree(page, ALICE), wait=10)
    return Connected("work")


@pytest.fixture
def account(connected: Connected) -> MailAccount:
    return MailAccount.connected("work", timeout=20)


async def test_it_searches_and_sends_with_a_token(account, house, call, context):
    email = Email(account)
    sent = await call(email.send, context(), to=[BOB], subject="By token", body="No password.")
    assert house.count(BOB, sent.message_id) == 1
    assert [mail.subject for mail in await call(email.search, context(2), own_copies=True)][:1] == ["By token"]


async def test_it_logs_in_after_starttls_too(account, house, call, context):
    ports = {"smtp_port": house.smtp_port, "security": "starttls", "imap_port": house.imap_port}
    account = MailAccount.connected("work", **ports, imap_security="starttls", timeout=20)
    sent = await call(Email(account).send, context(), to=[BOB], subject="x", body="y")
    assert house.count(BOB, sent.message_id) == 1
    assert await call(Email(account).search, context(2), own_copies=True) != []


async def test_a_token_at_its_end_is_renewed_on_the_way(authorization, connected, house, call, context):
    before = connected.access_token()
    authorization.office.end_access_tokens()
    email = Email(MailAccount.connected("work", timeout=20))
    await call(email.search, context())
    assert authorization.office.token_requests == ["authorization_code", "refresh_token"]
    authorization.office.end_access_tokens()
    sent = await call(email.send, context(2), to=[BOB], subject="x", body="y")
    assert house.count(BOB, sent.message_id) == 1
    assert connected.access_token() != before
    assert authorization.office.token_requests == ["authorization_code", "refresh_token", "refresh_token"]


async def test_a_revoked_grant_does_nothing_and_says_what_to_run(authorization, account, house, call, context):
    authorization.office.grants[-1].revoked = True
    email = Email(account)
    with pytest.raises(NotConnected, match="run: agentkit connect work"):
        await call(email.search, context())
    with pytest.raises(ToolFailed, match="run: agentkit connect work"):
        await call(email.send, context(2), to=[BOB], subject="Never", body="y")
    assert not [mail for mail in house.mails(BOB)["INBOX"] if b"Subject: Never" in mail.content]


async def test_a_token_of_somebody_else_opens_nothing(account, call, context):
    email = Email(account.model_copy(update={"address": BOB}))
    with pytest.raises(ToolFailed, match=r"refuses even a fresh access token of bob@example\.test"):
        await call(email.search, context())
    with pytest.raises(ToolFailed, match=r"refuses even a fresh access token of bob@example\.test"):
        await call(email.send, context(2), to=[ALICE], subject="x", body="y")


async def test_the_standard_mechanism_works_at_the_server_too(account, monkeypatch, call, context):
    monkeypatch.setattr(sasl, "MECHANISMS", ("OAUTHBEARER",))
    assert await call(Email(account).search, context()) is not None
    monkeypatch.setattr(account.tokens, "access_token", lambda rejected=None: "not-a-token")
    with pytest.raises(ToolFailed, match="refuses even a fresh access token") as error:
        await call(Email(account).search, context(2))
    assert "not-a-token" not in str(error.value)


async def test_a_run_writes_no_token_down(authorization, account, folder, caplog, capfd):
    email = Email(account)
    model = ScriptedModel([email.search(own_copies=True), "Nothing to do."])
    with caplog.at_level("DEBUG"):
        async with Agent(model, tools=[*email], journal=f"sqlite:///{folder}/acts.db") as agent:
            run = await agent.run("Look at the mail.")
    assert run.status == "finished"
    written = b"".join(file.read_bytes() for file in folder.glob("acts.db*"))
    shown = written.decode(errors="replace") + caplog.text + "".join(capfd.readouterr()) + repr(account)
    assert "email.search" in shown
    assert not [secret for secret in authorization.office.secrets() if secret in shown]


def test_a_server_that_takes_no_tokens_is_named():
    with pytest.raises(ToolFailed, match=r"mail\.example\.org does not take access tokens; it offers \['PLAIN'\]"):
        sasl.offered(["PLAIN"], "mail.example.org")


def test_a_name_with_a_comma_is_written_as_the_standard_asks():
    first = sasl.Shown("OAUTHBEARER", "a,b=c@example.org", "t")
    assert (first(), first(b"{}")) == ("n,a=a=2Cb=3Dc@example.org,\x01auth=Bearer t\x01\x01", "\x01")
    words = sasl.Shown("XOAUTH2", "a@example.org", "t")
    assert (words(), words(b"{}")) == ("user=a@example.org\x01auth=Bearer t\x01\x01", "")
