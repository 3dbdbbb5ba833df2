"""Secrets by reference: where one is kept, and how it is fetched when it is needed."""

import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any, ClassVar

from pydantic import GetCoreSchemaHandler, SecretStr
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from agentkit.errors import InvalidSettings


@dataclass(frozen=True)
class SecretReference:
    """The place of a secret, never its value: safe to store, print and compare."""

    FORMS: ClassVar[str] = "'env:NAME', 'file:path' or 'keyring:service/name'"

    kind: str
    place: str

    @classmethod
    def read(cls, text: str) -> "SecretReference":
        """Read `env:NAME`, `file:path` or `keyring:service/name`.

        Raises:
            InvalidSettings: something else; it is not repeated, for it may be a secret itself.
        """
        kind, _, place = text.partition(":")
        if kind not in _FETCH or not place or (kind == "keyring" and not all(place.rpartition("/"))):
            raise InvalidSettings(f"a secret is given by a reference, never by its value: {cls.FORMS}")
        return cls(kind, place)

    def resolve(self, folder: Path) -> SecretStr:
        """Fetch the secret now. A relative path starts at `folder`; white space around the secret is dropped.

        Raises:
            InvalidSettings: it is not there, is empty, or lies open to others.
        """
        secret = _FETCH[self.kind](self.place, folder).strip()
        if not secret:
            raise InvalidSettings(f"the secret {self} is empty")
        return SecretStr(secret)

    def __str__(self) -> str:
        return f"{self.kind}:{self.place}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Settings read it from text."""
        shown = core_schema.to_string_ser_schema()
        return core_schema.no_info_plain_validator_function(_validated, serialization=shown)


def private_file(file: Path) -> str:
    """The text of a file that nobody else may read.

    Raises:
        InvalidSettings: missing, unreadable, not text, or (on POSIX) open to others.
    """
    try:
        with file.open("rb") as opened:
            _refuse_open_to_others(os.fstat(opened.fileno()), file)
            return opened.read().decode()
    except OSError as error:
        raise InvalidSettings(f"cannot read the secret in {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidSettings(f"the secret in {file} is not UTF-8 text; store it in hex or base64") from None


def private_file_made_once(file: Path) -> str:
    """The text of a private file, which is made with a random content if there is none.

    Of several processes that start together one makes it and all read the same; nobody sees half of it.

    Raises:
        InvalidSettings: it can be neither read nor made.
    """
    if not file.exists():
        _make(file)
    return private_file(file)


def _make(file: Path) -> None:
    draft = file.with_name(f"{file.name}.{token_hex(8)}")
    try:
        _write_private(draft, token_hex(32) + "\n")
        _publish(draft, file)
    except FileExistsError:
        return  # another process was first: its key counts
    except OSError as error:
        raise InvalidSettings(
            f"cannot make the key file {file}: {error.strerror}; "
            f"name a key of your own with `key`: {SecretReference.FORMS}"
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def _write_private(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())


def _publish(draft: Path, file: Path) -> None:
    """Give the finished draft its name, unless the name is taken (`FileExistsError`)."""
    if sys.platform == "win32":
        draft.rename(file)  # refuses to replace, there
    else:
        os.link(draft, file)


def _refuse_open_to_others(status: os.stat_result, file: Path) -> None:
    """As PostgreSQL has it for keys: for the owner alone, or the group's to read where the owner is root."""
    if sys.platform == "win32":
        return
    forbidden = 0o037 if status.st_uid == 0 else 0o077
    if stat.S_IMODE(status.st_mode) & forbidden:
        raise InvalidSettings(f"others can read the secret in {file}; run: chmod 600 {file}")


def _from_environment(name: str, folder: Path) -> str:
    environment: Mapping[str, str] = os.environ
    if name not in environment:
        raise InvalidSettings(f"the secret env:{name} is missing: the environment variable {name} is not set")
    return environment[name]


def _from_file(path: str, folder: Path) -> str:
    return private_file(folder / Path(path).expanduser())


def _from_keyring(place: str, folder: Path) -> str:
    try:
        import keyring  # an optional extra
        from keyring.errors import KeyringError
    except ImportError:
        raise InvalidSettings(
            f"keyring:{place} needs the keyring extra: pip install 'agentkit-framework[keyring]'"
        ) from None
    service, _, name = place.rpartition("/")
    try:
        secret = keyring.get_password(service, name)
    except KeyringError as error:
        raise InvalidSettings(f"the keyring did not give keyring:{place}: {error}") from None
    if secret is None:
        raise InvalidSettings(f"the keyring has no {place}; store it with: keyring set {service} {name}")
    return secret


_FETCH = {"env": _from_environment, "file": _from_file, "keyring": _from_keyring}


def _validated(value: object) -> SecretReference:
    if isinstance(value, SecretReference):
        return value
    try:
        return SecretReference.read(value if isinstance(value, str) else "")
    except InvalidSettings:
        raise PydanticCustomError("secret_reference", "a reference to a secret") from None
