"""The steps of a submission: who may send, as whom, to whom, and what happens after the final dot."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.servers.submission.faults import Faults
from tests.servers.submission.mails import deliver

OK = "250 OK"
BEARER = re.compile(rb"user=([^\x01]*)\x01auth=[Bb]earer ([^\x01]*)\x01\x01")


@dataclass(frozen=True)
class Desk:
    """What aiosmtpd asks at each step."""

    maildirs: Path
    passwords: Mapping[str, str]
    oauth_introspection_url: str | None
    faults: Faults
    deliveries: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    def opened(cls, folder: Path, settings: Mapping[str, Any]) -> Desk:
        where, url = Path(settings["maildirs"]), settings["oauth_introspection_url"]
        return cls(where, settings["passwords"], url, Faults(folder))

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        login, password = data.login.decode(errors="replace"), data.password.decode(errors="replace")
        if self.passwords.get(login) != password:
            return AuthResult(success=False, handled=False)
        return AuthResult(success=True, auth_data=login)

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:
        """`user=...^Aauth=Bearer ...^A^A`; after a no the client answers the explanation with an empty line."""
        given = await server.challenge_auth("", encode_to_b64=False) if len(args) == 1 else _decoded(args[1])
        said = BEARER.fullmatch(given) if isinstance(given, bytes) else None
        if said and await asyncio.to_thread(self._vouched, said[2].decode(), said[1].decode()):
            return AuthResult(success=True, auth_data=said[1].decode())
        await server.challenge_auth(b'{"status":"400","schemes":"bearer"}')
        return AuthResult(success=False, handled=False)

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        login: Any = session.auth_data
        if address != login:
            return "553 5.7.1 the sender must be the one who logged in"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return OK

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address not in self.passwords or address in self.faults.refused():
            return "550 5.1.1 no such user here"
        if address not in envelope.rcpt_tos:
            envelope.rcpt_tos.append(address)
        return OK

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.faults.take("drop_before_accept") is not None:
            await _hang_up(server)
        seconds = self.faults.take("late")
        # A task of its own, because aiosmtpd cancels this one when the connection ends.
        delivery = asyncio.create_task(self._deliver(envelope, seconds or 0.0))
        self.deliveries.add(delivery)
        delivery.add_done_callback(self.deliveries.discard)
        if seconds is not None:
            await _hang_up(server)
        await asyncio.shield(delivery)
        if self.faults.take("drop_after_data") is not None:
            await _hang_up(server)
        return "250 2.0.0 OK delivered"

    async def _deliver(self, envelope: Envelope, seconds: float) -> None:
        await asyncio.sleep(seconds)
        for recipient in list(envelope.rcpt_tos):
            await asyncio.to_thread(deliver, self.maildirs / recipient, envelope.original_content or b"")

    def _vouched(self, token: str, user: str) -> bool:
        """Whether the authorization server knows the token as this user's (RFC 7662)."""
        if self.oauth_introspection_url is None:
            return False
        asked = urllib.parse.urlencode({"token": token}).encode()
        try:
            with urllib.request.urlopen(self.oauth_introspection_url, asked, timeout=10) as answer:
                told = json.load(answer)
        except (urllib.error.URLError, ValueError):
            return False
        return told.get("active") is True and told.get("username") == user


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""


async def _hang_up(server: SMTP) -> None:
    """Close the connection; aiosmtpd then cancels the caller, so the reply is never written."""
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()
    await asyncio.sleep(60)
