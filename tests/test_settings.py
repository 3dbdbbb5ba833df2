"""What an operator can set, and what is said when it does not fit."""

import os
import stat
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from agentkit.errors import InvalidSettings
from agentkit.secrets import SecretReference
from agentkit.settings import Settings, idempotency_key

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX's")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and an environment without settings."""
    for name in [name for name in os.environ if name.startswith("AGENTKIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(file: Path, text: str, mode: int = 0o600) -> Path:
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


def source(settings: Settings, name: str) -> str:
    return next(shown.source for shown in settings.explain() if shown.name == name)


def test_everything_has_a_default():
    settings = Settings()
    assert settings.journal == "sqlite:///agentkit.db"
    assert settings.policy == "supervised"
    assert settings.model is None
    assert settings.lease == timedelta(seconds=30)
    assert settings.max_money is None
    assert {shown.source for shown in settings.explain()} == {"default"}


def test_an_argument_beats_the_environment_beats_the_file_beats_the_default(place, monkeypatch):
    write(place / "agentkit.toml", 'policy = "from-file"\ntenant = "from-file"\nmodel = "file:model"\n')
    monkeypatch.setenv("AGENTKIT_POLICY", "from-environment")
    monkeypatch.setenv("AGENTKIT_TENANT", "from-environment")
    settings = Settings(policy="from-argument")
    assert (settings.policy, settings.tenant, settings.model) == (
        "from-argument",
        "from-environment",
        "file:model",
    )
    assert source(settings, "policy") == "argument"
    assert source(settings, "tenant") == "environment AGENTKIT_TENANT"
    assert source(settings, "model") == "agentkit.toml"
    assert source(settings, "lease") == "default"


def test_an_empty_environment_variable_is_not_set(monkeypatch):
    monkeypatch.setenv("AGENTKIT_POLICY", "")
    assert Settings().policy == "supervised"


def test_the_file_is_found_from_a_sub_directory(place, monkeypatch):
    write(place / "agentkit.toml", 'policy = "strict"\n')
    (place / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(place / "a" / "b")
    assert Settings().policy == "strict"


@pytest.mark.parametrize("text", ["", 'journal = "sqlite:///agentkit.db"'])
def test_a_sub_directory_has_the_same_journal_and_not_an_empty_one_of_its_own(place, monkeypatch, text):
    write(place / "agentkit.toml", text)
    (place / "deep").mkdir()
    monkeypatch.chdir(place / "deep")
    assert Settings().journal == f"sqlite:///{(place / 'agentkit.db').as_posix()}"


def test_a_journal_given_as_argument_starts_where_the_process_works(place):
    write(place / "agentkit.toml", "")
    assert Settings(journal="sqlite:///here.db").journal == "sqlite:///here.db"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("30", timedelta(seconds=30)),
        ("2.5", timedelta(seconds=2.5)),
        ('"90s"', timedelta(seconds=90)),
        ('"500 ms"', timedelta(milliseconds=500)),
        ('"15m"', timedelta(minutes=15)),
        ('"24h"', timedelta(hours=24)),
        ('"7d"', timedelta(days=7)),
    ],
)
def test_a_duration_is_written_as_people_do(place, written, meant):
    write(place / "agentkit.toml", f"patience = {written}\n")
    assert Settings().patience == meant


def test_money_is_exact(place):
    write(place / "agentkit.toml", "max_money = 2.10\n")
    assert Settings().max_money == Decimal("2.1")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("polcy = 'x'", r"agentkit\.toml: there is no setting 'polcy'; did you mean 'policy'\?"),
        ("zzz = 1", r"there is no setting 'zzz'; there are \['hold_grace', 'journal', 'key'"),
        ("[tool.agentkit]\npolicy = 'x'", r"no setting 'tool'; settings stand outside of any \[table\]"),
        ("policy = 5", r"agentkit\.toml: 'policy' must be a text that is not empty, not '5'"),
        ("max_tokens = 'many'", r"'max_tokens' must be a whole number, 0 or more, not 'many'"),
        ("max_tokens = true", r"'max_tokens' must be a whole number"),
        ("max_money = 'nan'", r"'max_money' must be an amount of money such as 2\.50"),
        ("max_money = -1", r"'max_money' must be an amount of money"),
        (
            "lease = '1 fortnight'",
            r"'lease' must be a duration above 0: 30 \(seconds\), .*, not '1 fortnight'",
        ),
        ("lease = 0", r"'lease' must be a duration above 0"),
        ("lease = inf", r"'lease' must be a duration above 0"),
        ("lease = nan", r"'lease' must be a duration above 0"),
        ("lease = '999999999999d'", r"'lease' must be a duration above 0"),
        ("model = 'gpt-5'", r"'model' must be 'provider:name', such as 'openai:gpt-5', not 'gpt-5'"),
        ("journal = 'acts.db'", r"'journal' must be the URL of a database, such as 'sqlite:///acts\.db'"),
        ("otlp_endpoint = 'localhost:4318'", r"'otlp_endpoint' must be the URL of a collector"),
        ("policy = ", r"agentkit\.toml is not TOML: Invalid value"),
        ("secrets = 5", r"'secrets' must be a reference to a secret"),
    ],
)
def test_what_does_not_fit_is_named_with_what_would(place, text, told):
    file = write(place / "agentkit.toml", text)
    with pytest.raises(InvalidSettings, match=told) as raised:
        Settings()
    assert str(file) in str(raised.value)
    assert "\n" not in str(raised.value).strip()


def test_a_wrong_environment_variable_is_called_by_its_name(monkeypatch):
    monkeypatch.setenv("AGENTKIT_MAX_TOKENS", "many")
    with pytest.raises(InvalidSettings, match="the environment: 'AGENTKIT_MAX_TOKENS' must be a whole number"):
        Settings()


def test_a_wrong_argument_is_called_one():
    with pytest.raises(InvalidSettings, match="an argument: there is no setting 'polcy'; did you mean 'policy'"):
        Settings(polcy="strict")
    with pytest.raises(InvalidSettings, match="an argument: 'lease' must be a duration"):
        Settings(lease="soon")


def test_other_programs_may_use_the_prefix(monkeypatch):
    monkeypatch.setenv("AGENTKIT_MAIL_PASSWORD", "not a setting")
    assert Settings().policy == "supervised"


@pytest.mark.parametrize("text", ["key = '{0}'", "secrets = {{ mail = '{0}' }}", "[secrets]\nmail = '{0}'"])
@pytest.mark.parametrize("value", ["hunter2hunter2", "env", "keyring:only-a-service", "vault:x", "sk-env:1"])
def test_a_value_where_a_reference_belongs_is_refused_and_not_repeated(place, text, value):
    write(place / "agentkit.toml", text.format(value))
    with pytest.raises(InvalidSettings, match="'env:NAME', 'file:path' or 'keyring:service/name'") as raised:
        Settings()
    assert value == "env" or value not in str(raised.value)


def test_a_secret_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", "correct horse")
    settings = Settings(secrets={"mail": "env:MAIL_PASSWORD"})
    assert settings.secret("mail").get_secret_value() == "correct horse"


def test_a_secret_that_is_not_there_is_named():
    settings = Settings(secrets={"mail": "env:NOT_THERE"})
    with pytest.raises(InvalidSettings, match="the environment variable NOT_THERE is not set"):
        settings.secret("mail")
    with pytest.raises(InvalidSettings, match="no secret named 'mial'; did you mean 'mail'"):
        settings.secret("mial")


def test_an_empty_secret_is_refused(monkeypatch):
    monkeypatch.setenv("EMPTY", " \n")
    with pytest.raises(InvalidSettings, match="the secret env:EMPTY is empty"):
        Settings(secrets={"mail": "env:EMPTY"}).secret("mail")


def test_a_file_with_a_secret_is_found_beside_the_settings(place, monkeypatch):
    write(place / "agentkit.toml", "[secrets]\nmail = 'file:private/mail'\n")
    (place / "private").mkdir()
    (place / "elsewhere").mkdir()
    write(place / "private" / "mail", "correct horse\n")
    monkeypatch.chdir(place / "elsewhere")
    assert Settings().secret("mail").get_secret_value() == "correct horse"


@posix_only
@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o620])
def test_a_file_that_others_can_read_is_refused_with_the_way_to_close_it(place, mode):
    file = write(place / "mail", "correct horse", mode)
    with pytest.raises(InvalidSettings, match=f"others can read the secret in {file}; run: chmod 600 {file}"):
        Settings(secrets={"mail": "file:mail"}).secret("mail")


def test_a_missing_file_with_a_secret_is_named(place):
    with pytest.raises(InvalidSettings, match=r"cannot read the secret in .*mail: No such file"):
        Settings(secrets={"mail": "file:mail"}).secret("mail")


def test_a_binary_file_is_not_a_secret(place):
    (place / "mail").write_bytes(b"\xff\xfe\x00")
    (place / "mail").chmod(0o600)
    with pytest.raises(InvalidSettings, match="is not UTF-8 text; store it in hex or base64"):
        Settings(secrets={"mail": "file:mail"}).secret("mail")


def test_without_the_keyring_extra_its_name_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(InvalidSettings, match=r"pip install 'agentkit-framework\[keyring\]'"):
        Settings(secrets={"mail": "keyring:imap/me@example.org"}).secret("mail")


def test_a_secret_comes_from_the_keyring():
    keyring = pytest.importorskip("keyring")
    from keyring.backend import KeyringBackend

    class Held(KeyringBackend):
        priority = 1  # pyright: ignore[reportAssignmentType]

        def get_password(self, service: str, username: str) -> str | None:
            return {("https://imap.example.org", "me"): "correct horse"}.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            raise NotImplementedError

        def delete_password(self, service: str, username: str) -> None:
            raise NotImplementedError

    before = keyring.get_keyring()
    keyring.set_keyring(Held())
    try:
        settings = Settings(secrets={"mail": "keyring:https://imap.example.org/me", "none": "keyring:imap/you"})
        assert settings.secret("mail").get_secret_value() == "correct horse"
        with pytest.raises(InvalidSettings, match="store it with: keyring set imap you"):
            settings.secret("none")
    finally:
        keyring.set_keyring(before)


def test_secrets_of_all_places_come_together_one_by_one(place, monkeypatch):
    write(place / "agentkit.toml", "[secrets]\nmail = 'env:A'\nshop = 'env:B'\n")
    monkeypatch.setenv("AGENTKIT_SECRETS__MAIL", "env:C")
    settings = Settings(secrets={"bank": "env:D"})
    assert {name: str(place) for name, place in settings.secrets.items()} == {
        "mail": "env:C",
        "shop": "env:B",
        "bank": "env:D",
    }
    assert source(settings, "secrets.mail") == "environment AGENTKIT_SECRETS__MAIL"
    assert source(settings, "secrets.shop") == "agentkit.toml"
    assert source(settings, "secrets.bank") == "argument"


def test_secrets_in_the_environment_can_be_json(monkeypatch):
    monkeypatch.setenv("AGENTKIT_SECRETS", '{"mail": "env:C"}')
    settings = Settings()
    assert settings.secrets == {"mail": SecretReference("env", "C")}
    assert source(settings, "secrets.mail") == "environment AGENTKIT_SECRETS"
    monkeypatch.setenv("AGENTKIT_SECRETS", "hunter2hunter2")
    with pytest.raises(InvalidSettings, match="AGENTKIT_SECRETS in the environment must be JSON") as raised:
        Settings()
    assert "hunter2" not in str(raised.value)


def test_explaining_and_printing_show_references_and_never_secrets(place, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", "correct horse battery")
    settings = Settings(
        secrets={"mail": "env:MAIL_PASSWORD"},
        key="env:MAIL_PASSWORD",
        journal="postgresql://me:s3cret@host/db",
    )
    printed = repr(settings) + str(settings.explain()) + repr(settings.secret("mail"))
    assert "env:MAIL_PASSWORD" in str(settings.explain())
    assert "correct horse" not in printed
    shown = {row.name: row.value for row in settings.explain()}
    assert shown["journal"] == "postgresql://me:***@host/db"
    assert shown["lease"] == "30 s"
    assert shown["max_money"] == "none"


def test_settings_do_not_change():
    with pytest.raises(Exception, match="frozen"):
        Settings().policy = "other"  # pyright: ignore[reportAttributeAccessIssue]


def test_the_key_is_the_configured_secret(monkeypatch):
    monkeypatch.setenv("MY_KEY", "0123456789abcdef\n")
    assert idempotency_key(Settings(key="env:MY_KEY")) == b"0123456789abcdef"


def test_a_short_key_is_refused_without_being_shown(monkeypatch):
    monkeypatch.setenv("MY_KEY", "secret")
    with pytest.raises(InvalidSettings, match="the key env:MY_KEY has only 6 characters; use 16 or more"):
        idempotency_key(Settings(key="env:MY_KEY"))


def test_without_a_configured_key_one_is_kept_beside_the_database(place):
    settings = Settings(journal="sqlite:///acts.db")
    key = idempotency_key(settings)
    assert len(key) >= 32
    assert idempotency_key(settings) == key
    assert idempotency_key(Settings(journal=settings.journal, key="file:acts.db.key")) == key
    assert [file.name for file in place.iterdir()] == ["acts.db.key"]
    if sys.platform != "win32":
        assert stat.S_IMODE((place / "acts.db.key").stat().st_mode) == 0o600


@posix_only
def test_a_key_file_is_private_whatever_the_umask(place):
    before = os.umask(0)
    try:
        idempotency_key(Settings(journal="sqlite:///acts.db"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((place / "acts.db.key").stat().st_mode) == 0o600


@posix_only
def test_a_key_file_that_others_can_read_is_refused(place):
    write(place / "acts.db.key", "0" * 64, 0o644)
    with pytest.raises(InvalidSettings, match="chmod 600"):
        idempotency_key(Settings(journal="sqlite:///acts.db"))


def test_a_key_file_that_cannot_be_made_is_said(place):
    with pytest.raises(InvalidSettings, match=r"cannot make the key file .*; name a key of your own with `key`"):
        idempotency_key(Settings(journal="sqlite:///no/such/folder/acts.db"))


def test_processes_that_start_together_agree_on_one_key(place):
    program = (
        "import sys; from agentkit.settings import Settings, idempotency_key; sys.stdin.read(1);"
        "print(idempotency_key(Settings(journal='sqlite:///acts.db')).decode())"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        for _ in range(6)
    ]  # fmt: skip
    keys = {racer.communicate("x", timeout=60)[0].strip() for racer in racers}
    assert len(keys) == 1
    assert len(keys.pop()) == 64
    assert [file.name for file in place.iterdir()] == ["acts.db.key"]


def test_a_journal_in_memory_has_a_random_key_for_as_long_as_the_process(place):
    assert idempotency_key(Settings(journal="memory:")) == idempotency_key(Settings(journal="memory:"))
    assert len(idempotency_key(Settings(journal="memory:"))) == 64
    assert list(place.iterdir()) == []


def test_a_journal_on_a_server_needs_a_shared_key():
    with pytest.raises(InvalidSettings, match="needs a `key` that all workers share"):
        idempotency_key(Settings(journal="postgresql://host/db"))
