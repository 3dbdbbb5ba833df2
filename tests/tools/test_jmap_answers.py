"""What each answer of a JMAP server proves, at a server that answers as told: refused, sent, or nobody knows."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from agentkit.errors import ToolFailed
from agentkit_tools.email import MailAccount
from agentkit_tools.email.jmap import JmapOutbox
from agentkit_tools.email.jmap_answers import Unsettled
from agentkit_tools.email.letter import Words, compose

CAPABILITIES = {"urn:ietf:params:jmap:core": {"maxSizeUpload": 5000}}
SENDING = {"urn:ietf:params:jmap:submission": {"maxDelayedSend": 0}}
PRIMARY = {"urn:ietf:params:jmap:mail": "a", "urn:ietf:params:jmap:submission": "a"}
CREATED = {"id": "s1", "undoStatus": "final", "sendAt": "2026-11-20T08:30:00Z"}

Answer = tuple[int, bytes]


def usual() -> dict[str, dict[str, Any]]:
    """How an honest server answers each method while it sends a mail."""
    return {
        "Identity/get": {"list": [{"id": "i", "email": "desk@example.org"}]},
        "Mailbox/get": {"list": [{"id": "d", "role": "drafts"}, {"id": "s", "role": "sent"}]},
        "Email/query": {"ids": []},
        "Email/import": {"created": {"letter": {"id": "m1"}}},
        "Email/set": {},
        "EmailSubmission/get": {"state": "1", "list": []},
        "EmailSubmission/set": {"created": {"sending": CREATED}},
    }


@dataclass
class Server:
    """Answers every method as told: with a result, with an error as `{"type": ...}`, or not at all (None)."""

    methods: dict[str, Any] = field(default_factory=usual)
    session: dict[str, Any] = field(
        default_factory=lambda: {
            "apiUrl": "/api",
            "uploadUrl": "/upload/{accountId}/",
            "primaryAccounts": PRIMARY,
            "accounts": {"a": {"accountCapabilities": SENDING}},
            "capabilities": CAPABILITIES,
        }
    )
    submitting: Answer | None = None
    """In the place of the answer to a request that submits something."""
    called: list[str] = field(default_factory=list)
    submitted: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                body = await reader.readexactly(int(length[0].partition(b":")[2])) if length else b""
                status, said = self._answer(head.split()[1].decode(), body)
                writer.write(f"HTTP/1.1 {status} Said\r\nContent-Length: {len(said)}\r\n\r\n".encode() + said)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, path: str, body: bytes) -> Answer:
        if path == "/jmap/":
            return 200, json.dumps(self.session).encode()
        if path == "/upload/a/":
            return 201, b'{"blobId": "b"}'
        requested = json.loads(body)["methodCalls"]
        calls = [name for name, _, _ in requested]
        self.submitted += [given for name, given, _ in requested if name == "EmailSubmission/set"]
        self.called += calls
        if "EmailSubmission/set" in calls and self.submitting is not None:
            return self.submitting
        answers = [self._method(name) for name in calls if self.methods[name] is not None]
        return 200, json.dumps({"methodResponses": answers}).encode()

    def _method(self, name: str) -> tuple[str, Any, str]:
        said = self.methods[name]
        return ("error", said, name) if "type" in said else (name, said, name)

    @property
    def outbox(self) -> JmapOutbox:
        return JmapOutbox(
            MailAccount(
                address="desk@example.org",
                password=SecretStr("hunter2"),
                smtp_host="127.0.0.1",
                imap_host="127.0.0.1",
                security="none",
                jmap_url=f"http://127.0.0.1:{self.port}/jmap/",
                timeout=5,
            )
        )


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    listening = await asyncio.start_server(made.talk, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    yield made
    listening.close()


@pytest.fixture
def send(server, context):
    """Sends a letter without a hold."""

    async def start(body: str = "Hello\n") -> Any:
        letter = compose(context(), "desk@example.org", Words(to=["ann@example.org"], subject="Trip", body=body))
        return await server.outbox.submit(context(), letter, timedelta(0))

    return start


async def test_an_honest_answer_is_a_sent_mail(server, send):
    sent = await send()
    assert (sent.accepted, sent.refused, sent.held_until) == (["ann@example.org"], [], None)


@pytest.mark.parametrize("status", [400, 403, 413, 429])
async def test_a_request_that_is_refused_as_a_whole_has_sent_nothing(server, send, status):
    server.submitting = (status, b'{"detail": "not like this"}')
    with pytest.raises(ToolFailed, match=f"{status}.*not like this"):
        await send()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((500, b""), httpx.HTTPStatusError),
        ((503, b"later"), httpx.HTTPStatusError),
        ((302, b""), httpx.HTTPStatusError),
        ((200, b"<html>"), ValueError),
        ((200, b"{}"), ValueError),
        ((200, b'{"methodResponses": []}'), Unsettled),
    ],
)
async def test_an_answer_that_says_nothing_clear_leaves_a_doubt(server, send, answer, error):
    server.submitting = answer
    with pytest.raises(error):
        await send()


@pytest.mark.parametrize("kind", ["serverFail", "serverPartialFail"])
async def test_a_server_that_failed_itself_leaves_a_doubt(server, send, kind):
    server.methods["EmailSubmission/set"] = {"type": kind}
    with pytest.raises(Unsettled, match=kind):
        await send()


async def test_an_answer_without_the_submission_leaves_a_doubt(server, send):
    server.methods["EmailSubmission/set"] = {"created": None, "notCreated": None}
    with pytest.raises(Unsettled, match="does not say"):
        await send()


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ({"type": "invalidRecipients", "invalidRecipients": ["ann@example.org"]}, "does not send to ann@example.org"),
        ({"type": "tooManyRecipients", "maxRecipients": 1}, "only 1 of the recipients"),
        ({"type": "forbiddenFrom"}, "in that name"),
        ({"type": "forbiddenToSend", "description": "until Monday"}, r"forbiddenToSend\): until Monday"),
        ({"type": "tooLarge", "maxSize": 10}, "at most 10 bytes"),
    ],
)
async def test_a_refused_submission_says_why_and_leaves_no_draft(server, send, refusal, words):
    server.methods["EmailSubmission/set"] = {"notCreated": {"sending": refusal}}
    with pytest.raises(ToolFailed, match=f"nothing was sent: .*{words}"):
        await send()
    assert server.called[-1] == "Email/set"


async def test_a_method_the_server_does_not_carry_out_has_sent_nothing(server, send):
    server.methods["EmailSubmission/set"] = {"type": "accountReadOnly"}
    with pytest.raises(ToolFailed, match="accountReadOnly"):
        await send()


async def test_where_something_always_comes_in_between_nothing_is_sent(server, send):
    server.methods["EmailSubmission/set"] = {"type": "stateMismatch"}
    with pytest.raises(ToolFailed, match="again and again"):
        await send()
    assert server.called.count("Email/import") == 1
    assert server.called[-1] == "Email/set"


async def test_a_full_mailbox_is_a_failure(server, send):
    server.methods["Email/import"] = {"notCreated": {"letter": {"type": "overQuota"}}}
    with pytest.raises(ToolFailed, match="the mailbox is full"):
        await send()


async def test_a_mail_larger_than_the_server_takes_is_a_failure(server, send):
    with pytest.raises(ToolFailed, match="the server takes 5000"):
        await send(body="x" * 6000)
    assert server.called == []


async def test_a_look_that_is_not_answered_sends_nothing(server, send):
    server.methods["Email/query"] = {"type": "unsupportedFilter"}
    with pytest.raises(ToolFailed, match="unsupportedFilter"):
        await send()
    assert "EmailSubmission/set" not in server.called


@pytest.mark.parametrize(
    ("method", "said", "words"),
    [
        ("Identity/get", {"list": [{"id": "i", "email": "ann@example.org"}]}, "it does for ann@example.org"),
        ("Identity/get", {"list": []}, "it does for nobody"),
        ("Mailbox/get", {"list": [{"id": "s", "role": "sent"}]}, "no folder with the role drafts"),
    ],
)
async def test_an_account_that_cannot_send_says_what_is_missing(server, send, method, said, words):
    server.methods[method] = said
    with pytest.raises(ToolFailed, match=words):
        await send()


async def test_the_identity_of_the_sender_goes_before_one_for_the_domain(server, send):
    identities = [("any", ""), ("domain", "*@example.org"), ("own", "Desk@Example.org")]
    server.methods["Identity/get"] = {"list": [{"id": each, "email": email} for each, email in identities]}
    await send()
    assert [each["create"]["sending"]["identityId"] for each in server.submitted] == ["own"]


async def test_the_login_is_not_shown_to_a_server_without_encryption(server, send):
    server.session["apiUrl"] = "http://elsewhere.example.org/api"
    with pytest.raises(ToolFailed, match="without encryption, at elsewhere"):
        await send()


async def test_a_login_that_may_not_send_is_told_so(server, send):
    server.session["primaryAccounts"] = {}
    with pytest.raises(ToolFailed, match="sends no mail by it for this login"):
        await send()


async def test_a_server_that_cannot_be_reached_is_a_failure(server, send):
    server.port = 1
    with pytest.raises(ToolFailed, match="was not reached"):
        await send()


@pytest.mark.parametrize("kind", ["serverFail", "forbidden"])
async def test_taking_back_is_in_doubt_only_when_the_server_itself_failed(server, kind):
    record = {"id": "s1", "emailId": "m1", "undoStatus": "pending", "sendAt": "2026-11-20T08:30:00Z"}
    envelope = {"mailFrom": {"email": "desk@example.org"}, "rcptTo": [{"email": "ann@example.org"}]}
    server.methods |= {
        "Email/query": {"ids": ["m1"]},
        "Email/get": {"list": [{"id": "m1", "messageId": ["id@example.org"], "mailboxIds": {"s": True}}]},
        "EmailSubmission/query": {"ids": ["s1"]},
        "EmailSubmission/get": {"state": "1", "list": [{**record, "envelope": envelope}]},
        "EmailSubmission/set": {"type": kind},
    }
    with pytest.raises(Unsettled if kind == "serverFail" else ToolFailed, match=kind):
        await server.outbox.recall("<id@example.org>")


@pytest.mark.parametrize("said", [{"updated": None, "notUpdated": None}, {"updated": {"s2": None}}])
async def test_an_answer_that_leaves_the_mail_out_leaves_a_doubt_whether_it_was_taken_back(server, said):
    record = {"id": "s1", "emailId": "m1", "undoStatus": "pending", "sendAt": "2026-11-20T08:30:00Z"}
    envelope = {"mailFrom": {"email": "desk@example.org"}, "rcptTo": [{"email": "ann@example.org"}]}
    server.methods |= {
        "Email/query": {"ids": ["m1"]},
        "Email/get": {"list": [{"id": "m1", "messageId": ["id@example.org"], "mailboxIds": {"s": True}}]},
        "EmailSubmission/query": {"ids": ["s1"]},
        "EmailSubmission/get": {"state": "1", "list": [{**record, "envelope": envelope}]},
        "EmailSubmission/set": said,
    }
    with pytest.raises(Unsettled, match="does not say"):
        await server.outbox.recall("<id@example.org>")


async def test_a_cancelling_without_a_clear_answer_leaves_a_doubt(server, context):
    held = {"urn:ietf:params:jmap:submission": {"maxDelayedSend": 600}}
    server.session["accounts"] = {"a": {"accountCapabilities": held}}
    server.methods["EmailSubmission/set"] = {
        "created": {"sending": {**CREATED, "undoStatus": "pending"}},
        "updated": None,
    }
    letter = compose(context(), "desk@example.org", Words(to=["ann@example.org"], subject="Trip", body="Hello\n"))
    with pytest.raises(Unsettled, match="has cancelled"):
        await server.outbox.submit(context(), letter, timedelta(seconds=60))


async def test_a_session_at_another_place_is_named_and_not_logged_in_to(server, send, monkeypatch):
    def elsewhere(request: httpx.Request) -> httpx.Response:
        if request.url.host == "127.0.0.1":
            return httpx.Response(302, headers={"Location": "https://api.example.org/session"})
        return httpx.Response(200 if "Authorization" in request.headers else 401)

    plain = httpx.AsyncClient
    monkeypatch.setattr(
        httpx, "AsyncClient", lambda **given: plain(auth=given["auth"], transport=httpx.MockTransport(elsewhere))
    )
    with pytest.raises(ToolFailed, match=r"https://api\.example\.org/session: give that as jmap_url"):
        await send()
