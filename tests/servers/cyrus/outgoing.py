"""The world outside Cyrus: an SMTP server that takes what Cyrus sends, and is the only proof that it was sent."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope, Session

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Delivered:
    """One mail as it came out, with its envelope."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.content, policy=policy.default)

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"] or "")


@dataclass
class Outside:
    """Everything that was sent, and whom nobody knows."""

    unknown: set[str] = field(default_factory=set)
    """Recipients to refuse."""
    _delivered: list[Delivered] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def delivered(self) -> list[Delivered]:
        """In the order of arrival."""
        with self._lock:
            return list(self._delivered)

    async def handle_RCPT(
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.unknown:
            return "550 5.1.1 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 go on"

    async def handle_DATA(self, _server: Any, _session: Session, envelope: Envelope) -> str:
        content: Any = envelope.content  # Bytes: nobody asked for decoded text.
        mail = Delivered(envelope.mail_from or "", tuple(envelope.rcpt_tos), content)
        with self._lock:
            self._delivered.append(mail)
        return "250 2.0.0 taken"


@contextmanager
def listening() -> Generator[tuple[Outside, int]]:
    """Yields it and its port."""
    outside = Outside()
    controller = _Controller(outside, hostname=HOST, port=0)
    controller.start()
    try:
        yield outside, controller.port
    finally:
        controller.stop()


class _Controller(Controller):
    """On a port that the system chooses."""

    def _trigger_server(self) -> None:
        """Look up the port first; then connect to it, as ever, to be sure that it answers."""
        started: Any = self.server
        self.port = started.sockets[0].getsockname()[1]
        super()._trigger_server()
