"""What an operator can set: by argument, in the environment, or in agentkit.toml."""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Any, NamedTuple, cast, get_args

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from agentkit.errors import InvalidSettings
from agentkit.secrets import SecretReference, private_file_made_once

FILE = "agentkit.toml"
PREFIX = "AGENTKIT_"


class Expected(str):
    """What a setting has to be, in the words of the error message."""


_UNITS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", str(value).strip())
    unit = (found[2] or "s") if found else ""
    if not found or unit not in _UNITS:
        raise ValueError(value)
    try:
        return timedelta(seconds=float(found[1]) * _UNITS[unit])
    except OverflowError:
        raise ValueError(value) from None


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(value)
    return value


def _longer_than_nothing(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError(value)
    return value


Text = Annotated[str, Field(min_length=1), Expected("a text that is not empty")]
Url = Annotated[
    str,
    Field(pattern=r"^(memory:|[a-z0-9+]+://.+)$"),
    Expected("the URL of a database, such as 'sqlite:///acts.db', or 'memory:'"),
]
Web = Annotated[str, Field(pattern=r"^https?://."), Expected("the URL of a collector: 'http://localhost:4318'")]
Model = Annotated[str, Field(pattern=r"^[^:\s]+:\S+$"), Expected("'provider:name', such as 'openai:gpt-5'")]
Tenant = Annotated[str, Field(min_length=1, max_length=64), Expected("a name of at most 64 characters")]
Count = Annotated[int, BeforeValidator(_no_boolean), Field(ge=0), Expected("a whole number, 0 or more")]
Money = Annotated[
    Decimal, BeforeValidator(_no_boolean), Field(ge=0), Expected("an amount of money such as 2.50, 0 or more")
]
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    AfterValidator(_longer_than_nothing),
    Expected("a duration above 0: 30 (seconds), '500ms', '90s', '15m', '24h' or '7d'"),
]
_REFERENCE = Expected(f"a reference to a secret, never its value: {SecretReference.FORMS}")
Reference = Annotated[SecretReference, _REFERENCE]
References = Annotated[dict[str, SecretReference], _REFERENCE]


class Shown(NamedTuple):
    """One setting as a person may see it."""

    name: str
    value: str
    source: str
    """`argument`, `environment AGENTKIT_NAME`, `agentkit.toml` or `default`."""


class Settings(BaseSettings):
    """Every setting, from the first place that has it: argument, `AGENTKIT_NAME`, agentkit.toml, default.

    The file is looked for in the working directory and then upwards. Paths in it, those of the journal and of
    secrets, start at its folder, so that a program finds the same journal from every sub-directory.

    Raises:
        InvalidSettings: a setting that is unknown or does not fit.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, env_ignore_empty=True, env_nested_delimiter="__"
    )

    journal: Url = "sqlite:///agentkit.db"
    policy: Text = "supervised"
    model: Model | None = None
    tenant: Tenant = "default"
    key: Annotated[Reference | None, NoDecode] = None
    """For idempotency keys. Without it there is a key file beside the database."""
    otlp_endpoint: Web | None = None
    lease: Duration = timedelta(seconds=30)
    """How long a worker owns an action without a sign of life."""
    hold_grace: Duration = timedelta(hours=1)
    """A held action that is overdue by more than this is asked again, not sent."""
    question_expiry: Duration = timedelta(hours=24)
    patience: Duration = timedelta(seconds=60)
    """How long a run waits in its process for a late effect."""
    max_model_calls: Count = 50
    max_tool_calls: Count = 100
    max_tokens: Count = 1_000_000
    max_money: Money | None = None
    max_wall: Duration | None = None
    secrets: References = {}

    _folder: Path = PrivateAttr()
    _sources: dict[str, str] = PrivateAttr()

    def __init__(self, **arguments: Any) -> None:
        file = _find_file(Path.cwd())
        folder = file.parent if file else Path.cwd()
        layers = list(_layers(arguments, file))
        values = _merged(layers)
        if file:
            _start_at(folder, values, layers)
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InvalidSettings(_problems(error, layers)) from None
        self._folder = folder
        self._sources = {name: layer.source_of(name) for layer in reversed(layers) for name in layer.names()}

    def secret(self, name: str) -> SecretStr:
        """Fetch the secret of that name from where it is kept.

        Raises:
            InvalidSettings: there is none of that name, or it is not where its reference says.
        """
        if name not in self.secrets:
            raise InvalidSettings(f"no secret named '{name}'{_instead(name, self.secrets)}")
        return self.resolve(self.secrets[name])

    def resolve(self, reference: SecretReference) -> SecretStr:
        """Fetch the secret that a setting refers to.

        Raises:
            InvalidSettings: it is not where the reference says.
        """
        return reference.resolve(self._folder)

    @property
    def database_file(self) -> Path | None:
        """The file of a SQLite journal; None for one in memory or on a server."""
        return _database_file(self.journal)

    def explain(self) -> list[Shown]:
        """Every setting, what it is and where that comes from. Of secrets, only the reference."""
        return [
            Shown(name, _shown(value), self._sources.get(name, "default"))
            for name, value in _flat({field: getattr(self, field) for field in Settings.model_fields}).items()
        ]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `__init__` has gathered, because it also remembers where from."""
        return (init_settings,)


def idempotency_key(settings: Settings) -> bytes:
    """The secret under every idempotency key: the configured one, else one kept beside the database.

    Without a database (`memory:`) it is random and lives as long as the process.

    Raises:
        InvalidSettings: it cannot be fetched or made, or is too short to be secret.
    """
    file = _database_file(settings.journal)
    if settings.key:
        text = settings.resolve(settings.key).get_secret_value()
    elif file:
        text = private_file_made_once(file.with_name(file.name + ".key")).strip()
    elif settings.journal == "memory:":
        text = _key_of_this_process()
    else:
        raise InvalidSettings(f"this journal needs a `key` that all workers share: {SecretReference.FORMS}")
    if len(text) < 16:
        raise InvalidSettings(
            f"the key {settings.key or file} has only {len(text)} characters; use 16 or more, "
            "such as python -c 'import secrets; print(secrets.token_hex(32))' makes"
        )
    return text.encode()


@cache
def _key_of_this_process() -> str:
    return token_hex(32)


class _Layer(NamedTuple):
    """The settings that one place gives."""

    source: str
    values: Mapping[str, Any]
    place: str

    def names(self) -> Iterator[str]:
        return iter(_flat(self.values))

    def source_of(self, name: str) -> str:
        return f"{self.source} {_variable(name)}" if self.source == "environment" else self.source


def _layers(arguments: Mapping[str, Any], file: Path | None) -> Iterator[_Layer]:
    """The strongest first."""
    yield _known(_Layer("argument", arguments, "an argument"))
    yield _Layer("environment", _from_environment(), "the environment")
    if file:
        yield _known(_Layer(FILE, _from_file(file), str(file)))


def _find_file(start: Path) -> Path | None:
    candidates = (folder / FILE for folder in (start, *start.parents))
    return next((file for file in candidates if file.is_file()), None)


def _from_environment() -> dict[str, Any]:
    try:
        return EnvSettingsSource(Settings)()
    except SettingsError:
        raise InvalidSettings(
            f'{PREFIX}SECRETS in the environment must be JSON such as {{"mail": "env:MAIL_PASSWORD"}}; '
            f"or set one secret at a time: {PREFIX}SECRETS__MAIL=env:MAIL_PASSWORD"
        ) from None


def _from_file(file: Path) -> dict[str, Any]:
    try:
        return TomlConfigSettingsSource(Settings, file)()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{file} is not TOML: {error}") from None
    except OSError as error:
        raise InvalidSettings(f"cannot read {file}: {error.strerror}") from None


def _known(layer: _Layer) -> _Layer:
    for name in layer.values:
        if name not in Settings.model_fields:
            table = "; settings stand outside of any [table]" if isinstance(layer.values[name], dict) else ""
            there_are = _instead(name, Settings.model_fields)
            raise InvalidSettings(f"{layer.place}: there is no setting '{name}'{table}{there_are}")
    return layer


def _instead(name: str, there_are: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, there_are, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; there are {sorted(there_are)}"


def _merged(layers: list[_Layer]) -> dict[str, Any]:
    """A stronger layer replaces a setting; secrets are replaced one by one."""
    values: dict[str, Any] = {}
    for layer in reversed(layers):
        weaker, stronger = values.get("secrets"), layer.values.get("secrets")
        values |= layer.values
        if isinstance(weaker, Mapping) and isinstance(stronger, Mapping):
            values["secrets"] = {**cast("dict[str, Any]", weaker), **cast("dict[str, Any]", stronger)}
    return values


def _start_at(folder: Path, values: dict[str, Any], layers: list[_Layer]) -> None:
    """A relative journal of the file, or of nobody, lies beside the file; so does a policy that is a file."""
    policy = values.get("policy")
    from_file = not any("policy" in layer.values for layer in layers if layer.source != FILE)
    if from_file and isinstance(policy, str) and policy.endswith(".cedar"):
        values["policy"] = str(folder / policy)
    if any("journal" in layer.values for layer in layers if layer.source != FILE):
        return
    journal = values.get("journal", Settings.model_fields["journal"].default)
    file = _database_file(journal) if isinstance(journal, str) else None
    if file and not file.is_absolute():
        absolute = f":///{(folder / file).as_posix()}"
        values["journal"] = re.sub(r":///[^?]+", lambda _: absolute, journal, count=1)


def _database_file(url: str) -> Path | None:
    found = re.match(r"sqlite(?:\+\w+)?:///([^?]+)", url)
    return Path(found[1]) if found and found[1] != ":memory:" else None


def _problems(error: ValidationError, layers: list[_Layer]) -> str:
    problems = [_problem(problem["loc"], problem["input"], layers) for problem in error.errors()]
    return "; ".join(dict.fromkeys(problems))


def _problem(location: tuple[int | str, ...], value: Any, layers: list[_Layer]) -> str:
    field = str(location[0])
    name = ".".join(map(str, location[:2])) if field == "secrets" else field
    layer = next(layer for layer in layers if name in layer.names())
    called = _variable(name) if layer.source == "environment" else name
    got = "" if field in ("key", "secrets", "journal", "otlp_endpoint") else f", not {str(value)[:40]!r}"
    return f"{layer.place}: '{called}' must be {_expected(field)}{got}"


def _expected(field: str) -> str:
    info = Settings.model_fields[field]
    options: tuple[Any, ...] = get_args(info.annotation)
    inner = [mark for option in options for mark in getattr(option, "__metadata__", ())]
    return next(mark for mark in [*info.metadata, *inner] if isinstance(mark, Expected))


def _variable(name: str) -> str:
    variable = PREFIX + name.upper().replace(".", "__")
    return variable if variable in map(str.upper, os.environ) else PREFIX + name.partition(".")[0].upper()


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """The named secrets each get a line: `secrets.mail`."""
    named = values.get("secrets")
    if not isinstance(named, Mapping):
        return dict(values)
    lines = {f"secrets.{name}": place for name, place in cast("Mapping[str, Any]", named).items()}
    return {name: value for name, value in values.items() if name != "secrets"} | lines


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g} s"
    return re.sub(r"(://[^/:@]*):[^/@]*@", r"\1:***@", str(value))
