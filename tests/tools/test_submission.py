"""Sending, against a server that misbehaves at every phase: only what follows the final dot is in doubt."""

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from smtplib import SMTPException
from typing import Any

import pytest
from pydantic import SecretStr

from agentkit.errors import LeaseLost, ToolFailed, ToolPartial
from agentkit_tools.email import Email, MailAccount
from agentkit_tools.email.submission import FINAL_DOT

HANG_UP = ""
LETTER = {"to": ["ann@example.org"], "subject": "Your trip", "body": "Hello\n.\nBye\n"}


@dataclass
class Server:
    """Answers as told: the verb (or `greeting`, `dot`, `RCPT <address>`) with a line, or by hanging up."""

    answers: dict[str, str] = field(default_factory=dict)
    verbs: list[str] = field(default_factory=list)
    content: bytes = b""
    chunks: list[bytes] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    async def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.ended.set()
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        going = self._answer(writer, "greeting", "220 ready")
        while going and (line := (await reader.readline()).decode().strip()):
            verb = line.split()[0].upper()
            self.verbs.append(verb)
            if verb == "DATA":
                going = self._answer(writer, "DATA", "354 go on") and await self._content(reader, writer)
            elif verb == "RCPT":
                address = line.partition("<")[2].partition(">")[0]
                going = self._answer(writer, f"RCPT {address}", self.answers.get("RCPT", "250 ok"))
            else:
                usual = {"EHLO": "250-hello\r\n250-SIZE 100000\r\n250 AUTH PLAIN", "AUTH": "235 welcome"}
                going = self._answer(writer, verb, usual.get(verb, "250 ok"))

    async def _content(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if self.answers.get("DATA", "354")[:3] != "354":
            return True
        while not self.content.endswith(FINAL_DOT):
            chunk = await reader.read(65536)
            if not chunk:
                return False
            self.chunks.append(chunk)
            self.content += chunk
        self.verbs.append("dot")
        return self._answer(writer, "dot", "250 taken")

    def _answer(self, writer: asyncio.StreamWriter, what: str, usual: str) -> bool:
        answer = self.answers.get(what, usual)
        if answer != HANG_UP:
            writer.write(f"{answer}\r\n".encode())
        return answer != HANG_UP


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    listening = await asyncio.start_server(made.session, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    yield made
    listening.close()


@pytest.fixture
def send(server: Server, context, call) -> Callable[..., object]:
    """Sends the letter; `ctx` and arguments may be changed."""

    def start(ctx=None, **changes: object):
        return call(Email(account(server.port)).send, ctx or context(), **{**LETTER, **changes})

    return start


def account(port: int, **changes: object) -> MailAccount:
    given = {
        "address": "desk@example.org",
        "password": SecretStr("hunter2"),
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "imap_host": "127.0.0.1",
        "imap_port": port,
        "security": "none",
        "timeout": 1,
    }
    return MailAccount.model_validate({**given, **changes})


async def test_a_mail_and_its_copy_go_in_one_transaction(server, send):
    sent = await send()
    assert sent.accepted == ["ann@example.org"]
    assert server.verbs[:7] == ["EHLO", "AUTH", "MAIL", "RCPT", "RCPT", "DATA", "dot"]
    assert b"\r\n..\r\nBye\r\n.\r\n" in server.content


@pytest.mark.parametrize("answer", [HANG_UP, "421 later", "550 no", "nonsense"])
@pytest.mark.parametrize("phase", ["greeting", "AUTH", "MAIL", "RCPT ann@example.org", "DATA"])
async def test_whatever_goes_wrong_before_the_final_dot_is_a_failure(server, send, phase, answer):
    server.answers[phase] = answer
    with pytest.raises(ToolFailed) as error:
        await send()
    assert "dot" not in server.verbs
    assert "hunter2" not in str(error.value)


async def test_a_silent_server_is_a_failure_before_the_final_dot(context, call):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kit = Email(account(silent.getsockname()[1], timeout=0.2))
        with pytest.raises(ToolFailed, match="nothing was sent"):
            await call(kit.send, context(), **LETTER)


async def test_a_refused_connection_is_a_failure(context, call):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ToolFailed, match="refused"):
        await call(Email(account(port)).send, context(), **LETTER)


@pytest.mark.parametrize("answer", ["452 full", "554 spam"])
async def test_a_refusal_of_the_content_is_a_failure(server, send, answer):
    server.answers["dot"] = answer
    with pytest.raises(ToolFailed, match=answer):
        await send()


@pytest.mark.parametrize("answer", [HANG_UP, "nonsense", "354 what?"])
async def test_a_break_after_the_final_dot_is_in_doubt(server, send, answer):
    server.answers["dot"] = answer
    with pytest.raises(SMTPException):
        await send()
    assert "dot" in server.verbs


async def test_the_mark_is_set_before_the_final_dot_and_after_everything_else(server, send, context):
    seen = []

    async def mark(before: Any) -> None:
        await asyncio.sleep(0.1)
        seen.extend([bytes(server.content), len(server.chunks)])

    await send(context(mark=mark))
    before, chunks = seen
    assert server.content == before + FINAL_DOT
    assert server.chunks[chunks:] == [FINAL_DOT]


async def test_who_lost_the_lease_leaves_the_mail_unfinished(server, send, context):
    async def mark(before: Any) -> None:
        raise LeaseLost("another worker has it")

    with pytest.raises(LeaseLost):
        await send(context(mark=mark))
    await asyncio.wait_for(server.ended.wait(), 2)
    assert "dot" not in server.verbs


async def test_a_cancelled_sending_is_never_finished(server, send, context):
    async def mark(before: Any) -> None:
        await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(send(context(mark=mark)), 0.5)
    await asyncio.wait_for(server.ended.wait(), 2)
    assert "dot" not in server.verbs


async def test_if_some_recipients_are_refused_the_others_get_the_mail(server, send):
    server.answers["RCPT bob@example.org"] = "550 no such user"
    with pytest.raises(ToolPartial, match=r"bob@example\.org") as error:
        await send(to=["ann@example.org", "bob@example.org"])
    assert error.value.result.accepted == ["ann@example.org"]
    assert error.value.result.refused == ["bob@example.org"]
    assert b"X-Agentkit-Refused: 1\r\n" in server.content


async def test_if_a_blind_copy_is_refused_nothing_is_sent(server, send):
    server.answers["RCPT eve@example.org"] = "550 no such user"
    with pytest.raises(ToolFailed, match="blind copy"):
        await send(bcc=["eve@example.org"])
    assert "DATA" not in server.verbs


async def test_a_blind_copy_is_in_the_envelope_alone(server, send):
    sent = await send(cc=["bob@example.org"], bcc=["eve@example.org"])
    assert sent.accepted == ["ann@example.org", "bob@example.org", "eve@example.org"]
    assert server.verbs.count("RCPT") == 4
    assert b"Cc: bob@example.org\r\n" in server.content
    assert b"eve" not in server.content


async def test_without_the_copy_that_proves_it_nothing_is_sent(server, send):
    server.answers["RCPT desk@example.org"] = "550 not to yourself"
    with pytest.raises(ToolFailed, match="copy"):
        await send()
    assert "DATA" not in server.verbs


async def test_a_mail_larger_than_the_server_takes_is_a_failure(server, send):
    with pytest.raises(ToolFailed, match="the server takes 100000"):
        await send(body="x" * 120_000)
    assert "MAIL" not in server.verbs


async def test_starttls_is_required_not_hoped_for(server, context, call):
    kit = Email(account(server.port, security="starttls"))
    with pytest.raises(ToolFailed, match="STARTTLS"):
        await call(kit.send, context(), **LETTER)
    assert "AUTH" not in server.verbs


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path, context, call):
    made, listening = Server(), None
    try:
        listening = await asyncio.start_server(made.session, "127.0.0.1", 0, ssl=self_signed(tmp_path))
        kit = Email(account(listening.sockets[0].getsockname()[1], security="tls"))
        with pytest.raises(ToolFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await call(kit.send, context(), **LETTER)
    finally:
        if listening:
            listening.close()
    assert made.verbs == []


def self_signed(folder: Path) -> ssl.SSLContext:
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    options = ["-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
    options += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", "req", "-x509", *options], check=True, capture_output=True)
    offered = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    offered.load_cert_chain(certificate, key)
    return offered


async def test_tls_is_required_not_hoped_for(server, context, call):
    with pytest.raises(ToolFailed, match=r"SSL|WRONG_VERSION"):
        await call(Email(account(server.port, security="tls")).send, context(), **LETTER)
    assert server.verbs == []
