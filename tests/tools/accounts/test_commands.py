"""agentkit connect, disconnect and accounts, as a person types them."""

import json
import re
import signal
import subprocess
import sys
import webbrowser

import pytest
import typer
from typer.testing import CliRunner

from agentkit.cli.ending import ending
from agentkit_tools.accounts import commands

ALICE = "alice@example.test"
app = typer.Typer(pretty_exceptions_enable=False)
for _name in ("connect", "disconnect", "accounts"):
    app.command(_name)(ending(getattr(commands, _name)))


def run(*words):
    ended = CliRunner().invoke(app, words)
    return ended.exit_code, ended.stdout, ended.stderr


@pytest.fixture(autouse=True)
def no_browser(monkeypatch):
    """None opens on this machine: a person takes the page elsewhere, or nobody does."""
    monkeypatch.setattr(webbrowser, "open", lambda page: False)


@pytest.fixture
def connect(person, monkeypatch):
    def type_and_agree(*words, decide=None):
        person.describe()
        decide = decide or person.authorization.agree
        monkeypatch.setattr(webbrowser, "open", lambda page: bool(decide(page, ALICE)))
        return run("connect", "work", "--address", ALICE, *words)

    return type_and_agree


def test_an_account_is_connected_listed_and_disconnected(connect, person):
    code, said, told = connect("--tokens", "file")
    page, ending = said.splitlines()
    assert page.startswith(person.authorization.authorization_url)
    assert (code, ending) == (0, f"connected work as {ALICE}; tokens are kept in the file")
    assert "Agree in your browser" in told

    code, said, _ = run("accounts")
    assert code == 0
    assert re.search(rf"work +{ALICE} +file +since \d{{4}}-\d\d-\d\d", said)

    _, said, _ = run("accounts", "--json")
    assert json.loads(said) == {
        "accounts": [{"name": "work", "address": ALICE, "tokens": "file"}],
        "damaged": [],
    }

    assert run("disconnect", "work")[:2] == (0, "disconnected work\n")
    assert person.authorization.office.grants[0].revoked
    assert run("accounts")[1] == ""


def test_where_tokens_are_kept_can_be_set_for_good(connect, monkeypatch):
    monkeypatch.setenv("AGENTKIT_TOKENS", "file")
    assert connect()[0] == 0


def test_no_token_is_printed(connect, person):
    told = [connect("--tokens", "file"), run("accounts"), run("disconnect", "work")]
    assert [code for code, _, _ in told] == [0, 0, 0]
    assert not [secret for secret in person.authorization.office.secrets() if secret in str(told)]


def test_declining_is_one_line(connect, person):
    code, said, complaint = connect("--tokens", "file", decide=person.authorization.decline)
    assert (code, len(said.splitlines())) == (1, 1)
    assert complaint.splitlines()[-1] == "error: the provider says access_denied: the person declined"


def test_nobody_agreeing_is_one_line(person):
    person.describe()
    code, _, complaint = run("connect", "work", "--address", ALICE, "--no-browser", "--tokens", "file", "--wait", "1")
    assert code == 1
    assert complaint.splitlines()[-1] == "error: nobody has agreed within 1 s; run it again"


def test_without_a_browser_the_page_is_only_printed(person, monkeypatch):
    person.describe()
    monkeypatch.setattr(webbrowser, "open", lambda page: pytest.fail("a browser was opened"))
    code, said, _ = run("connect", "work", "--address", ALICE, "--no-browser", "--tokens", "file", "--wait", "1")
    assert code == 1
    assert said.startswith(person.authorization.authorization_url)


def test_a_machine_without_a_browser_says_so(person):
    person.describe()
    _, _, told = run("connect", "work", "--address", ALICE, "--tokens", "file", "--wait", "1")
    assert "No browser could be opened: open that address yourself." in told


def test_ctrl_c_ends_the_waiting(person):
    person.describe()
    program = f"""
import sys
sys.path[:0] = {sys.path!r}
import typer
from agentkit.cli.ending import ending
from agentkit_tools.accounts import commands
typer.run(ending(commands.connect))
"""
    command = [sys.executable, "-c", program, "work", "--address", ALICE, "--no-browser", "--tokens", "file"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=30)
    assert process.returncode == 130
    assert complaint.splitlines()[-1] == "error: stopped"


def test_a_missing_registration_says_where_to_get_one(register):
    code, _, complaint = run("connect", "google", "--address", ALICE)
    assert code == 1
    assert "https://console.cloud.google.com/auth/clients" in complaint
    assert "Traceback" not in complaint


def test_what_is_not_an_address_is_not_an_account(person):
    person.describe()
    code, _, complaint = run("connect", "work", "--address", "alice", "--tokens", "file")
    assert code == 1
    assert "'alice' is not a mail address" in complaint


def test_a_place_for_tokens_that_does_not_exist_is_named(person):
    person.describe()
    code, _, complaint = run("connect", "work", "--address", ALICE, "--tokens", "clear")
    assert (code, complaint) == (1, "error: tokens are kept in the 'keyring' or in a 'file', not in 'clear'\n")


def test_disconnecting_what_is_not_connected_is_one_line(register):
    complaint = "error: no account 'work' is connected; run: agentkit connect work\n"
    assert run("disconnect", "work") == (1, "", complaint)


def test_what_could_not_be_revoked_says_where_to_end_it(connect, person, register):
    connect("--tokens", "file")
    record = register / "work.json"
    record.write_text(record.read_text().replace("/revoke", "/nothing-here"))
    code, said, complaint = run("disconnect", "work")
    assert (code, said) == (1, "")
    assert "not revoked" in complaint
    assert run("accounts")[1] == ""


def test_a_damaged_account_is_listed_as_such(connect, register):
    connect("--tokens", "file")
    (register / "other.json").write_text("{")
    code, said, _ = run("accounts")
    assert code == 0
    assert re.search(r"other +\(damaged\) +run: agentkit connect other", said)
    assert "work" in said
