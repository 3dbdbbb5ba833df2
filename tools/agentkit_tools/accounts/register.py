"""The register of connected accounts: one small file each, without any secret."""

import contextlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from agentkit.errors import InvalidSettings, ToolFailed
from agentkit_tools.accounts.client import Client
from agentkit_tools.accounts.described import NAME
from agentkit_tools.accounts.errors import NotConnected
from agentkit_tools.accounts.grant import Grant
from agentkit_tools.accounts.keeping import Keeper, Place, keeper
from agentkit_tools.accounts.provider import Provider

VARIABLE = "AGENTKIT_ACCOUNTS"
PATIENCE = 60
"""Seconds to wait for another process that renews the same tokens."""


class Entry(BaseModel):
    """A connected account, with all that is needed to use it from any folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    address: str
    provider: Provider
    """As it was described when the person agreed: tokens go back to where they came from, nowhere else."""
    client_id: str
    tokens: Place
    connected_at: AwareDatetime

    def client(self, grant: Grant) -> Client:
        """Who talks to the provider."""
        return Client(self.provider, self.client_id, grant.client_secret)


def folder() -> Path:
    """Where the register is: `AGENTKIT_ACCOUNTS`, else among the files that programs keep for a person."""
    if given := os.environ.get(VARIABLE):
        return Path(given).expanduser()
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "agentkit" / "accounts"


def entries() -> list[Entry]:
    """Every connected account whose file can be read, by its name."""
    return [entry for file in _files() if (entry := _read(file)) is not None]


def damaged() -> list[str]:
    """The names of those whose file cannot be read."""
    return [file.stem for file in _files() if _read(file) is None]


def entry_named(name: str) -> Entry:
    """The account of that name.

    Raises:
        NotConnected: there is none.
        InvalidSettings: its file is damaged.
    """
    file = _file(name)
    if file is None or not file.is_file():
        raise NotConnected(f"no account '{name}' is connected; run: agentkit connect {name}")
    if (entry := _read(file)) is None:
        raise InvalidSettings(f"{file} cannot be read; remove it, then run: agentkit connect {name}")
    return entry


def try_out(tokens: Place) -> None:
    """Keep something and forget it again, so that nobody agrees in a browser to what cannot be kept.

    Raises:
        InvalidSettings: it cannot be kept.
    """
    _made_folder()
    trial = keeper(tokens, ".trial", folder())  # no account has such a name
    trial.save("trial")
    trial.forget()


def enter(entry: Entry, grant: Grant) -> None:
    """Keep an account and its tokens, in the place of what was there under its name.

    Raises:
        InvalidSettings: they cannot be kept.
    """
    _made_folder()
    with locked(entry.name):
        old = _read(folder() / f"{entry.name}.json")
        kept_by(entry).save(grant.written())
        draft = folder() / f"{entry.name}.draft"
        draft.write_text(entry.model_dump_json(indent=2))
        draft.replace(folder() / f"{entry.name}.json")
        if old is not None and old.tokens != entry.tokens:
            # What was granted anew is kept by now; that the old place cannot be used is often why this was done.
            with contextlib.suppress(InvalidSettings, OSError):
                kept_by(old).forget()


def strike(entry: Entry) -> None:
    """Forget an account and its tokens; for whoever holds its lock."""
    kept_by(entry).forget()
    (folder() / f"{entry.name}.json").unlink(missing_ok=True)


def kept_by(entry: Entry) -> Keeper:
    """Who keeps the tokens of an account."""
    return keeper(entry.tokens, entry.name, folder())


@contextmanager
def locked(name: str) -> Generator[None]:
    """One process at a time; the system ends the lock of a process that died.

    Raises:
        ToolFailed: another one has it for too long.
    """
    lock = FileLock(folder() / f"{name}.lock", timeout=PATIENCE, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        raise ToolFailed(f"another process has been renewing the tokens of '{name}' for {PATIENCE} s") from None
    try:
        yield
    finally:
        lock.release()


def _made_folder() -> None:
    try:
        folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InvalidSettings(f"cannot keep accounts in {folder()} ({error.strerror}); set {VARIABLE}") from None


def _files() -> list[Path]:
    return [file for file in sorted(folder().glob("*.json")) if NAME.fullmatch(file.stem)]


def _read(file: Path) -> Entry | None:
    """None: there is none, or it is damaged."""
    try:
        return Entry.model_validate_json(file.read_bytes())
    except (ValidationError, OSError):
        return None


def _file(name: str) -> Path | None:
    return folder() / f"{name}.json" if NAME.fullmatch(name) else None
