"""A Cyrus mail server on the loopback: JMAP with delayed sending, IMAP, and an outside world that gets its mail.

`running(folder)` starts it and ends it again. It is not installed, only unpacked from Debian's packages, which are
kept in ~/.cache/agentkit-test-servers; it works as root and as an ordinary user, beside a Dovecot. Program and data
lie in a short folder of their own under /tmp, because its sockets allow names of 107 bytes at most.
"""

from __future__ import annotations

import imaplib
import shutil
import smtplib
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.servers.cyrus.configuration import DOMAIN, FOLDERS, set_passwords, write_configuration
from tests.servers.cyrus.outgoing import Delivered, Outside, listening
from tests.servers.cyrus.packages import Unavailable as Unavailable
from tests.servers.cyrus.packages import unpacked
from tests.servers.cyrus.process import HOST, free_ports, hand_over, owner, serving

PASSWORDS = {f"{user}@{DOMAIN}": f"{user}-secret" for user in ("alice", "bob", "carol")}
USING = [f"urn:ietf:params:jmap:{each}" for each in ("core", "mail", "submission")]


@dataclass(frozen=True)
class Cyrus:
    """Where it is, who lives there, and what an outsider sees."""

    host: str
    http_port: int
    jmap_url: str
    imap_port: int
    """IMAP without TLS."""
    passwords: Mapping[str, str]
    lmtp_socket: Path
    outside: Outside = field(repr=False)
    """Gets the mail that is sent; whom it does not know, it refuses."""

    def delivered(self, message_id: str) -> list[Delivered]:
        """How often a mail came out, and to whom."""
        return [mail for mail in self.outside.delivered if mail.message_id == message_id]

    def mails(self, user: str) -> dict[str, list[bytes]]:
        """Every mail in every folder, as IMAP shows it."""
        with imaplib.IMAP4(self.host, self.imap_port, timeout=10) as box:
            box.login(user, self.passwords[user])
            return {folder: _contents(box, folder) for folder in ("INBOX", *FOLDERS)}

    def deliver(self, user: str, content: bytes) -> None:
        """A mail from outside arrives."""
        with smtplib.LMTP(str(self.lmtp_socket)) as lmtp:
            lmtp.sendmail("somebody@elsewhere.test", [user], content)

    def ask(self, user: str, method: str, **arguments: Any) -> dict[str, Any]:
        """One JMAP call by the user's other mail program."""
        call = [method, {"accountId": user.partition("@")[0], **arguments}, "0"]
        login = (user, self.passwords[user])
        body = {"using": USING, "methodCalls": [call]}
        with httpx.Client(auth=login, timeout=10, trust_env=False) as client:
            answer = client.post(self.jmap_url, json=body).raise_for_status().json()
        name, said, _ = answer["methodResponses"][0]
        assert name == method, said
        return said


@contextmanager
def running(folder: Path) -> Generator[Cyrus]:
    """Start it; everything it keeps goes away with it, and `folder` stays as it is.

    Raises:
        Unavailable: it cannot be had on this machine, and why.
        ServerError: it does not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="cyrus-", dir="/tmp"))
    place.chmod(0o755)
    try:
        programs = unpacked(place / "programs")
        with listening() as (outside, smtp_port):
            ports = free_ports("imap_port", "http_port")
            write_configuration(place, programs, owner(), ports, smtp_port)
            set_passwords(place, programs, PASSWORDS)
            hand_over(place)
            with serving(place, programs, ports["imap_port"], PASSWORDS):
                yield Cyrus(
                    host=HOST,
                    http_port=ports["http_port"],
                    jmap_url=f"http://{HOST}:{ports['http_port']}/jmap/",
                    imap_port=ports["imap_port"],
                    passwords=PASSWORDS,
                    lmtp_socket=place / "sock/lmtp",
                    outside=outside,
                )
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _contents(box: imaplib.IMAP4, folder: str) -> list[bytes]:
    _, [many] = box.select(folder, readonly=True)
    if many == b"0":
        return []
    _, parts = box.fetch("1:*", "(BODY.PEEK[])")
    return [part[1] for part in parts if isinstance(part, tuple)]
