"""Which providers there are, and what has to be known of one."""

import pytest

from agentkit.errors import InvalidSettings
from agentkit_tools.accounts.described import client_named
from agentkit_tools.accounts.provider import GOOGLE, KNOWN, MICROSOFT
from agentkit_tools.calendar import CalendarAccount
from agentkit_tools.email import MailAccount

TABLE = """
[work]
authorization_url = "https://login.example.org/authorize"
token_url = "https://login.example.org/token"
scopes = ["mail"]
"""


@pytest.fixture
def write(register, tmp_path):
    return (tmp_path / "accounts.toml").write_text


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_provider_needs_only_a_registration(name, register, monkeypatch):
    with pytest.raises(InvalidSettings, match=f"register one at https://.*AGENTKIT_{name.upper()}_CLIENT_ID"):
        client_named(name)
    assert client_named(name, "an-id").client_id == "an-id"
    monkeypatch.setenv(f"AGENTKIT_{name.upper()}_CLIENT_ID", "another-id")
    assert client_named(name).client_id == "another-id"


@pytest.mark.parametrize("provider", KNOWN.values(), ids=KNOWN)
def test_a_known_provider_has_encrypted_mail(provider):
    account = MailAccount.model_validate({"address": "ann@example.org", "password": "p", **provider.mail_servers()})
    assert "none" not in (account.security, account.reading_security)


def test_the_known_providers_are_asked_for_mail_that_can_be_renewed():
    assert GOOGLE.parameters["access_type"] == "offline"
    assert "offline_access" in MICROSOFT.scopes


def test_the_main_calendar_at_google_is_the_address():
    url = GOOGLE.calendar_of("ann+x@example.org")
    assert url == "https://apidata.googleusercontent.com/caldav/v2/ann%2Bx@example.org/events/"
    assert CalendarAccount.model_validate({"url": url, "username": "a", "password": "p"}).holds(f"{url}x.ics")


def test_microsoft_has_no_caldav():
    with pytest.raises(InvalidSettings, match="no calendar_url"):
        MICROSOFT.calendar_of("ann@example.org")


def test_a_table_describes_another_provider_from_any_folder_below(write, tmp_path, monkeypatch):
    write(TABLE + 'client_id = "ours"\nca_file = "ca.pem"\n')
    (tmp_path / "deep" / "down").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "down")
    client = client_named("work")
    assert client.client_id == "ours"
    assert client.provider.ca_file == tmp_path / "ca.pem"


def test_a_second_account_at_a_known_provider_is_like_the_first(write):
    write('[desk]\nlike = "google"\nclient_id = "ours"\n')
    assert client_named("desk").provider == GOOGLE.model_copy(update={"client_id": "ours"})


def test_a_secret_is_given_by_reference(write, monkeypatch):
    write('[google]\nclient_id = "ours"\nclient_secret = "env:OUR_SECRET"\n')
    monkeypatch.setenv("OUR_SECRET", "hunter2")
    client = client_named("google")
    assert client.client_secret is not None
    assert client.client_secret.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(client)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[google]\nclient_secret = "hunter2"\n', r"client_secret: .*reference"),
        (TABLE + 'token = "hunter2"\n', r"\[work\]: token: Extra"),
        (TABLE.replace("https://login.example.org/token", "http://login.example.org/token"), "use https"),
        ("[work]\nclient_id = 'x'\n", "authorization_url: Field required"),
        ("work = 3\n", r"must be a table: \[work\]"),
        ("work", "is not TOML"),
    ],
)
def test_a_bad_description_is_named_without_its_values(write, text, problem):
    write(text)
    with pytest.raises(InvalidSettings, match=problem) as error:
        client_named("google" if "[google]" in text else "work", "an-id")
    assert "hunter2" not in str(error.value)


def test_an_unknown_provider_is_told_which_there_are(write):
    write(TABLE)
    with pytest.raises(
        InvalidSettings, match=r"no account provider 'gogle'; there are \['google', 'microsoft', 'work'\]"
    ):
        client_named("gogle", "an-id")


@pytest.mark.parametrize("name", ["../x", "A", "", "a b", "a/b", "x" * 64])
def test_a_name_is_a_file_name_everywhere(register, name):
    with pytest.raises(InvalidSettings, match="is not a name for an account"):
        client_named(name, "an-id")
