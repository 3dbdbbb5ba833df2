"""A submission server on the loopback: TLS, a login, the sender's own name, a size limit, and faults on demand.

It delivers into Maildirs; `tests.servers.dovecot` starts it beside an IMAP server that shows them. It is a process
of its own: `python -m tests.servers.submission --folder F [--smtp-port P] [--smtps-port Q]`.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from examples.trip_desk.server import Server
from tests.servers.submission.authority import certify
from tests.servers.submission.faults import Faults
from tests.servers.submission.mails import furnish

HOST = "127.0.0.1"
PASSWORDS = {
    "alice@example.test": "alice-secret",
    "bob@example.test": "bob-secret",
    "carol@example.test": "carol-secret",
}


@dataclass(frozen=True)
class Submission:
    """Where it listens, and where the mail goes."""

    host: str
    smtp_port: int
    """Upgraded by STARTTLS."""
    smtps_port: int
    """With TLS from the start."""
    ca_file: Path
    """The authority that vouches for its certificate."""
    passwords: Mapping[str, str]
    maildirs: Path
    faults: Faults


@contextmanager
def running(
    folder: Path, *, maildirs: Path | None = None, oauth_introspection_url: str | None = None
) -> Generator[Submission]:
    """Start it; `folder` takes its certificate, its log and its faults.

    Args:
        folder: empty or new.
        maildirs: whose owner gets the mail; without it, new ones in the folder.
        oauth_introspection_url: where bearer tokens are checked (RFC 7662); XOAUTH2 needs it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ca_file = certify(folder / "tls")
    if maildirs is None:
        maildirs = folder / "mail"
        furnish(maildirs, PASSWORDS, ("INBOX",))
    settings = {"maildirs": str(maildirs), "passwords": PASSWORDS, "oauth_introspection_url": oauth_introspection_url}
    (folder / "settings.json").write_text(json.dumps(settings))
    server = Server("submission", "tests.servers.submission", folder, ("smtp_port", "smtps_port"))
    server.start()
    try:
        server.wait_until_ready()
        yield Submission(
            HOST, **server.ports, ca_file=ca_file, passwords=PASSWORDS, maildirs=maildirs, faults=Faults(folder)
        )
    finally:
        server.stop()
