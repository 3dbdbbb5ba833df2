"""Tokens are kept in a keyring or in a private file; where neither is to be had, that is said, and nothing is kept."""

import stat
import subprocess
import sys

import keyring.backends.null
import pytest
from keyring.backends.fail import Keyring as NoKeyring

from agentkit.errors import InvalidSettings, ToolFailed
from agentkit_tools.accounts.keeping import InFile, InKeyring, keeper
from agentkit_tools.accounts.register import damaged, entries


@pytest.fixture(params=["keyring", "file"])
def any_keeper(request, remembering, tmp_path):
    return keeper(request.param, "work", tmp_path)


def test_what_is_kept_is_there_until_it_is_forgotten(any_keeper):
    assert any_keeper.load() is None
    any_keeper.save("first")
    any_keeper.save("second")
    assert any_keeper.load() == "second"
    any_keeper.forget()
    any_keeper.forget()
    assert any_keeper.load() is None


def test_tokens_in_the_keyring_are_nowhere_else(person, remembering, register):
    account = person.connect(tokens="keyring")
    token = account.access_token()
    assert token in remembering.kept["agentkit", "work"]
    files = [file.read_text() for file in register.iterdir()]
    assert not [secret for secret in person.authorization.office.secrets() for text in files if secret in text]


def test_a_file_of_tokens_is_for_its_owner_alone(person, register):
    person.connect()
    assert stat.S_IMODE((register / "work.tokens").stat().st_mode) == 0o600
    assert stat.S_IMODE(register.stat().st_mode) == 0o700


def test_the_register_itself_holds_no_token(person, register):
    person.connect()
    public = (register / "work.json").read_text()
    assert not [secret for secret in person.authorization.office.secrets() if secret in public]


def test_a_file_that_others_can_read_is_not_used(person, register):
    account = person.connect()
    (register / "work.tokens").chmod(0o640)
    with pytest.raises(ToolFailed, match="chmod 600"):
        account.access_token()


def test_without_a_keyring_the_person_is_not_even_asked(person, use_keyring):
    use_keyring(NoKeyring())
    with pytest.raises(InvalidSettings, match="--tokens file"):
        person.connect(tokens="keyring")
    assert person.pages == []


def test_a_keyring_that_keeps_nothing_is_noticed(use_keyring):
    use_keyring(keyring.backends.null.Keyring())
    with pytest.raises(InvalidSettings, match="did not keep"):
        InKeyring("work").save("tokens")


def test_a_keyring_that_writes_in_clear_is_not_used(use_keyring, remembering):
    class PlaintextKeyring(type(remembering)):
        """As keyrings.alt has one."""

    use_keyring(backend := PlaintextKeyring())
    with pytest.raises(InvalidSettings, match="shows secrets"):
        InKeyring("work").save("tokens")
    assert backend.kept == {}


def test_connecting_again_leaves_nothing_at_the_old_place(person, remembering, register):
    person.connect(tokens="keyring")
    account = person.connect(tokens="file")
    assert remembering.kept == {}
    assert account.access_token() in (register / "work.tokens").read_text()


def test_a_keyring_that_cannot_be_used_any_more_costs_no_new_tokens(person, remembering, use_keyring):
    person.connect(tokens="keyring")
    use_keyring(NoKeyring())
    assert person.connect(tokens="file").access_token()


def test_a_damaged_record_of_another_account_is_in_nobodys_way(person, register):
    register.mkdir()
    (register / "other.json").write_text("{")
    assert person.connect().access_token()
    assert ([entry.name for entry in entries()], damaged()) == (["work"], ["other"])


def test_trying_a_place_out_harms_no_account(person, register):
    first = person.connect("trial")
    token = first.access_token()
    person.connect("work")
    assert first.access_token() == token
    assert [entry.name for entry in entries()] == ["trial", "work"]


def test_without_the_keyring_extra_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(InvalidSettings, match=r"pip install 'agentkit-framework\[keyring\]'; or connect with --tokens"):
        InKeyring("work").load()


@pytest.mark.parametrize("library", ["filelock", "httpx"])
def test_without_the_accounts_extra_it_is_named(library):
    missing = f"import sys; sys.path[:0] = {sys.path!r}; sys.modules[{library!r}] = None"
    program = f"{missing}; import agentkit_tools.accounts"
    ended = subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, text=True)
    assert "pip install 'agentkit-framework[accounts]'" in ended.stderr


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidSettings, match="cannot keep the tokens"):
        InFile(tmp_path / "file" / "work.tokens").save("tokens")
