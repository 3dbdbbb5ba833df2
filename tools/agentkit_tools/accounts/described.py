"""Finding a provider: google, microsoft, and what `accounts.toml` says of them and of others."""

import os
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from agentkit.errors import InvalidSettings
from agentkit_tools.accounts.client import Client
from agentkit_tools.accounts.provider import KNOWN, Provider

FILE = "accounts.toml"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def client_named(name: str, client_id: str | None = None) -> Client:
    """The registration to connect the account of that name with.

    Its id comes from the argument, else from `AGENTKIT_<NAME>_CLIENT_ID`, else from accounts.toml; its secret, where
    there is one, from `AGENTKIT_<NAME>_CLIENT_SECRET`, else from where accounts.toml says.

    Raises:
        InvalidSettings: no such provider, one that is not described well, or no registration.
    """
    file = _file()
    provider = _provider(name, _tables(file), file)
    client_id = client_id or os.environ.get(_variable(name, "CLIENT_ID")) or provider.client_id
    if not client_id:
        raise InvalidSettings(
            f"{name} wants to know which program asks: register one at {provider.register_at}, then give "
            f"--client-id, {_variable(name, 'CLIENT_ID')}, or client_id under [{name}] in {FILE}"
        )
    return Client(_absolute(provider, file), client_id, _secret(name, provider, file))


def _provider(name: str, tables: dict[str, Any], file: Path | None) -> Provider:
    """What is known of a provider, with what the table of that name says; `like = "google"` starts from another."""
    if not NAME.fullmatch(name):
        raise InvalidSettings(f"{name!r} is not a name for an account: write small letters, digits, - and _")
    table = tables.get(name, {})
    if not isinstance(table, dict):
        raise InvalidSettings(f"{file}: '{name}' must be a table: [{name}]")
    given: dict[str, Any] = dict(table)  # type: ignore[arg-type]
    known = KNOWN.get(str(given.pop("like", name)))
    if known is None and not given:
        there_are = sorted({*KNOWN, *tables})
        raise InvalidSettings(f"no account provider '{name}'; there are {there_are}, and [{name}] in {FILE} adds one")
    try:
        return Provider.model_validate({**(known.model_dump() if known else {}), **given})
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise InvalidSettings(f"{file or FILE}, [{name}]: {problems}") from None


def _absolute(provider: Provider, file: Path | None) -> Provider:
    """A relative ca_file starts at the folder of accounts.toml."""
    if provider.ca_file is None or file is None:
        return provider
    return provider.model_copy(update={"ca_file": file.parent / provider.ca_file})


def _secret(name: str, provider: Provider, file: Path | None) -> SecretStr | None:
    if secret := os.environ.get(_variable(name, "CLIENT_SECRET")):
        return SecretStr(secret)
    return provider.client_secret.resolve(file.parent if file else Path.cwd()) if provider.client_secret else None


def _variable(name: str, what: str) -> str:
    return f"AGENTKIT_{name.upper().replace('-', '_')}_{what}"


def _tables(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{file} is not TOML: {error}") from None
    except OSError as error:
        raise InvalidSettings(f"cannot read {file}: {error.strerror}") from None


def _file() -> Path | None:
    """Looked for in the working directory and then upwards, as agentkit.toml is."""
    here = Path.cwd()
    return next((folder / FILE for folder in (here, *here.parents) if (folder / FILE).is_file()), None)
