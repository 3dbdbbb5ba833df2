"""A small, strict authorization server on the loopback: OAuth 2.0 with PKCE, rotation, revocation, introspection.

Written here because no maintained package is one: the mock servers on the index answer every request with a token,
and a server that accepts everything proves nothing. It is a thread of whoever starts it, so that tests see its office.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path

import httpx
import uvicorn

from examples.trip_desk.listening import HOST, listen, port_of
from tests.servers.oauth.office import Office
from tests.servers.oauth.pages import application

USERS = ("alice@example.test", "bob@example.test", "carol@example.test")
PROGRAM, WEB, SECRET = "agentkit-desktop", "agentkit-with-secret", "the+secret/of a=client"


@dataclass(frozen=True)
class Authorization:
    """Where it is, which clients and people it knows, and what goes on in it."""

    authorization_url: str
    token_url: str
    revocation_url: str
    introspection_url: str
    client_id: str
    """Of a program that has no secret."""
    client_id_with_secret: str
    client_secret: str
    users: tuple[str, ...]
    office: Office = field(repr=False)

    def settings(self, name: str, **more: object) -> str:
        """The table for accounts.toml."""
        given = {
            "authorization_url": self.authorization_url,
            "token_url": self.token_url,
            "revocation_url": self.revocation_url,
            "client_id": self.client_id,
            "scopes": ["offline_access", "mail", "calendar"],
        }
        lines = [f"{key} = {_toml(value)}" for key, value in (given | more).items()]
        return "\n".join([f"[{name}]", *lines, ""])

    def agree(self, page: str, user: str) -> httpx.Response:
        """What a person does in the browser: open the page, agree, and be sent back to the program."""
        return self._decide(page, user, "agree")

    def decline(self, page: str, user: str) -> httpx.Response:
        """What a person does who does not agree."""
        return self._decide(page, user, "decline")

    def sent_back(self, page: str, user: str, decision: str = "agree") -> str:
        """Where the browser is sent after the decision, without going there."""
        with httpx.Client(trust_env=False) as browser:
            shown = browser.get(page)
            shown.raise_for_status()
            number = re.search(r'name="request" value="([^"]+)"', shown.text)
            assert number is not None, shown.text
            form = {"request": unescape(number[1]), "user": user, "decision": decision}
            answer = browser.post(self.authorization_url, data=form)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def _decide(self, page: str, user: str, decision: str) -> httpx.Response:
        return httpx.get(self.sent_back(page, user, decision), trust_env=False)


@contextmanager
def running(folder: Path) -> Generator[Authorization]:
    """Start it, and end it with the block. It keeps everything in memory; the folder stays empty."""
    office = Office(clients={PROGRAM: None, WEB: SECRET}, users=USERS)
    listener = listen()
    url = f"http://{HOST}:{port_of(listener)}"
    server = uvicorn.Server(uvicorn.Config(application(office), log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        _wait_until_ready(server, thread)
        yield Authorization(
            authorization_url=f"{url}/authorize",
            token_url=f"{url}/token",
            revocation_url=f"{url}/revoke",
            introspection_url=f"{url}/introspect",
            client_id=PROGRAM,
            client_id_with_secret=WEB,
            client_secret=SECRET,
            users=USERS,
            office=office,
        )
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


def _wait_until_ready(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + 10
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the authorization server did not start")
        time.sleep(0.01)


def _toml(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return str(value) if isinstance(value, int) else '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
