"""Where tokens are kept: in the system's keyring, or in a file that only its owner can read. Never in the open."""

import contextlib
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal, Protocol

from agentkit.errors import InvalidSettings

Place = Literal["keyring", "file"]
SERVICE = "agentkit"


class Keeper(Protocol):
    """Keeps one text for one account."""

    def load(self) -> str | None:
        """The text, if there is one."""
        ...

    def save(self, text: str) -> None:
        """Keep it in the place of what was there, wholly or not at all."""
        ...

    def forget(self) -> None:
        """Remove it; nothing happens where there is none."""
        ...


def keeper(place: Place, name: str, folder: Path) -> Keeper:
    """Keeps the tokens of the account of that name."""
    return InKeyring(name) if place == "keyring" else InFile(folder / f"{name}.tokens")


@dataclass(frozen=True)
class InKeyring:
    """In the keyring of the person who is logged in.

    Raises:
        InvalidSettings: the keyring extra is missing, there is no keyring, or it does not keep secrets.
    """

    name: str

    def load(self) -> str | None:
        """The text, if there is one."""
        return self._asked("get_password", SERVICE, self.name)

    def save(self, text: str) -> None:
        """Keep it, and look whether it is there: some keyrings keep nothing, and say nothing."""
        self._asked("set_password", SERVICE, self.name, text)
        if self.load() != text:
            raise InvalidSettings(f"the keyring did not keep the tokens; {_INSTEAD}")

    def forget(self) -> None:
        """Remove it."""
        if self.load() is not None:
            self._asked("delete_password", SERVICE, self.name)

    def _asked(self, what: str, *words: str) -> Any:
        try:
            import keyring  # an optional extra
            from keyring.errors import KeyringError
        except ImportError:
            raise InvalidSettings(
                f"the keyring extra is missing: pip install 'agentkit-framework[keyring]'; or {_INSTEAD}"
            ) from None
        if open_ones := [each for each in _backends(keyring.get_keyring()) if "Plaintext" in type(each).__name__]:
            raise InvalidSettings(f"{type(open_ones[0]).__name__} shows secrets to everybody; {_INSTEAD}")
        try:
            return getattr(keyring, what)(*words)
        except KeyringError as error:
            raise InvalidSettings(f"no keyring can be used here ({type(error).__name__}); {_INSTEAD}") from None


_INSTEAD = "connect with --tokens file, which keeps them in a file that only you can read"


def _backends(backend: Any) -> list[Any]:
    """The backend itself, or those it tries one after the other."""
    return list(getattr(backend, "backends", [])) or [backend]


@dataclass(frozen=True)
class InFile:
    """In a file with the mode 0600."""

    file: Path

    def load(self) -> str | None:
        """The text, if there is one.

        Raises:
            InvalidSettings: others can read it, or it cannot be read.
        """
        try:
            with self.file.open("rb") as opened:
                _refuse_open_to_others(os.fstat(opened.fileno()), self.file)
                return opened.read().decode()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidSettings(f"cannot read the tokens in {self.file}: {error}") from None

    def save(self, text: str) -> None:
        """Keep it: a new file takes the place of the old one, so that nobody ever reads half of it."""
        draft = self.file.with_name(f"{self.file.name}.{token_hex(8)}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                opened.write(text)
                opened.flush()
                os.fsync(opened.fileno())
            draft.replace(self.file)
        except OSError as error:
            raise InvalidSettings(f"cannot keep the tokens in {self.file}: {error.strerror}") from None
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove it."""
        self.file.unlink(missing_ok=True)


def _refuse_open_to_others(status: os.stat_result, file: Path) -> None:
    if sys.platform != "win32" and stat.S_IMODE(status.st_mode) & 0o077:
        raise InvalidSettings(f"others can read the tokens in {file}; run: chmod 600 {file}")
