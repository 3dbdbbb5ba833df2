"""What the tests of accounts share: an authorization server, a register of their own, and a person at a browser."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend

from agentkit_tools.accounts import Connected
from agentkit_tools.accounts.client import Client
from agentkit_tools.accounts.connecting import connect
from agentkit_tools.accounts.described import client_named
from tests.servers import oauth
from tests.servers.oauth import Authorization

ALICE = "alice@example.test"


@pytest.fixture
def authorization(tmp_path: Path) -> Iterator[Authorization]:
    with oauth.running(tmp_path) as server:
        yield server


@pytest.fixture
def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty register; the working directory is where accounts.toml may be."""
    monkeypatch.setenv("AGENTKIT_ACCOUNTS", str(tmp_path / "accounts"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "accounts"


@dataclass
class Person:
    """Connects accounts, and agrees to everything in the browser."""

    authorization: Authorization
    folder: Path
    pages: list[str] = field(default_factory=list)

    def describe(self, name: str = "work", **more: Any) -> Client:
        """Writes accounts.toml."""
        (self.folder / "accounts.toml").write_text(self.authorization.settings(name, **more))
        return client_named(name)

    def connect(self, name: str = "work", tokens: Any = "file", address: str = ALICE, **more: Any) -> Connected:
        client = self.describe(name, **more)
        connect(name, address, client, tokens, show=lambda page: self.agree(page, address), wait=10)
        return Connected(name)

    def agree(self, page: str, address: str = ALICE) -> None:
        self.pages.append(page)
        assert self.authorization.agree(page, address).status_code == 200


@pytest.fixture
def person(authorization: Authorization, register: Path, tmp_path: Path) -> Person:
    return Person(authorization, tmp_path)


class Remembering(KeyringBackend):
    """A keyring in memory."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def use_keyring() -> Iterator[Callable[[KeyringBackend], None]]:
    """Puts another keyring in the place of this machine's."""
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


@pytest.fixture
def remembering(use_keyring: Callable[[KeyringBackend], None]) -> Remembering:
    backend = Remembering()
    use_keyring(backend)
    return backend
