"""Submission over SMTP: who may send, as whom, to whom, and what happens after the final dot."""

from __future__ import annotations

import asyncio
import logging
import warnings
from asyncio import AbstractServer, Transport
from dataclasses import dataclass, field
from socket import socket
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from examples.trip_desk.faults import Faults
from examples.trip_desk.mail.maildir import PostOffice

SIZE_LIMIT = 1_000_000
OK = "250 OK"


async def serve_smtp(office: PostOffice, faults: Faults, listener: socket) -> AbstractServer:
    """Take mail on this socket; only from those who log in, and only in their own name."""
    # Without TLS on purpose (see the package's first lines), so its reminders at every session are noise.
    warnings.filterwarnings("ignore", message="Requiring AUTH while not requiring TLS")
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    submission = Submission(office, faults)
    loop = asyncio.get_running_loop()

    def session() -> SMTP:
        return SMTP(
            submission,
            authenticator=submission.authenticate,
            auth_required=True,
            auth_require_tls=False,
            data_size_limit=SIZE_LIMIT,
            enable_SMTPUTF8=True,
            hostname="localhost",
            loop=loop,
        )

    return await loop.create_server(session, sock=listener)


@dataclass(frozen=True)
class Submission:
    """The steps of one submission, as aiosmtpd calls them."""

    office: PostOffice
    faults: Faults
    deliveries: set[asyncio.Task[None]] = field(default_factory=set)

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        login, password = data.login.decode(errors="replace").lower(), data.password.decode(errors="replace")
        if not self.office.accepts(login, password):
            return AuthResult(success=False, handled=False)
        return AuthResult(success=True, auth_data=login)

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        login: Any = session.auth_data
        if address.lower() != login:
            return "553 5.7.1 the sender must be the one who logged in"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return OK

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not self.office.knows(address):
            return "550 5.1.1 no such user here"
        if address not in envelope.rcpt_tos:
            envelope.rcpt_tos.append(address)
        return OK

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        # A task of its own, because aiosmtpd cancels this one when the client hangs up.
        delivery = asyncio.create_task(self._deliver(envelope.rcpt_tos, envelope.original_content or b""))
        self.deliveries.add(delivery)
        delivery.add_done_callback(self.deliveries.discard)
        await asyncio.shield(delivery)
        if self.faults.take("drop_after_effect") is not None:
            await _hang_up(server)
        return "250 2.0.0 OK delivered"

    async def _deliver(self, recipients: list[str], content: bytes) -> None:
        if seconds := self.faults.take("delay_effect"):
            await asyncio.sleep(seconds)
        for recipient in recipients:
            await asyncio.to_thread(self.office.deliver, recipient, content)


async def _hang_up(server: SMTP) -> None:
    """Close the connection; aiosmtpd then cancels the caller, so the reply is never written."""
    assert isinstance(server.transport, Transport)
    server.transport.abort()
    await asyncio.sleep(60)
