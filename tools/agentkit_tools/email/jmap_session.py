"""Talking to a JMAP server (RFC 8620): its session, and requests whose errors say what they prove."""

import ssl
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import httpx
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from agentkit.errors import InvalidSettings, ToolFailed
from agentkit_tools.email.account import MailAccount
from agentkit_tools.email.jmap_answers import Answers, MethodError, Unsettled
from agentkit_tools.secrecy import is_loopback

CORE = "urn:ietf:params:jmap:core"
MAIL = "urn:ietf:params:jmap:mail"
SUBMISSION = "urn:ietf:params:jmap:submission"
WELL_KNOWN = "/.well-known/jmap"

NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol)

Call = tuple[str, Mapping[str, Any]]
"""A method and its arguments, without the account's id; each method at most once in a request."""


class Account(BaseModel):
    """What the session tells of one account."""

    capabilities: dict[str, Any] | None = Field(default=None, alias="accountCapabilities")


class Session(BaseModel):
    """What a login may use, and where."""

    api: str = Field(alias="apiUrl")
    upload: str = Field(alias="uploadUrl")
    primary: dict[str, str] = Field(alias="primaryAccounts")
    accounts: dict[str, Account]
    capabilities: dict[str, Any]


@dataclass(frozen=True)
class Server:
    """An open connection to one account."""

    http: httpx.AsyncClient
    session_url: str
    session: Session
    account: str
    """The server's id of it."""

    @property
    def longest_hold(self) -> timedelta:
        """For how long the server says that it delays a mail; zero where it does not."""
        offered = self._capability(SUBMISSION).get("maxDelayedSend")
        return timedelta(seconds=offered) if isinstance(offered, int) else timedelta(0)

    @property
    def largest_upload(self) -> int | None:
        """In bytes."""
        offered = self.session.capabilities.get(CORE, {}).get("maxSizeUpload")
        return offered if isinstance(offered, int) else None

    async def ask(self, *calls: Call) -> Answers:
        """A request without an effect.

        Raises:
            ToolFailed: no answer, or a no.
        """
        try:
            answers = await self._request(calls)
            for method, _ in calls:
                answers.of(method)
        except (httpx.HTTPError, ValueError, MethodError, Unsettled) as error:
            raise ToolFailed(f"the mail server did not answer: {_words(error)}") from error
        return answers

    async def change(self, *calls: Call) -> Answers:
        """A request with an effect.

        Raises:
            ToolFailed: the server has not got it, or refused it as a whole.
            Exception: nobody knows.
        """
        try:
            return await self._request(calls)
        except NEVER_LEFT as error:
            raise ToolFailed(f"the mail server was not reached: {_words(error)}") from error

    async def upload(self, content: bytes) -> str:
        """Leave a mail at the server, where nobody sees it and it is forgotten unless it is used. Returns its id.

        Raises:
            ToolFailed: it does not take it.
        """
        url = urljoin(self.session_url, self.session.upload.replace("{accountId}", quote(self.account, safe="")))
        _keep_the_login_secret(url)
        try:
            answer = await self.http.post(url, content=content, headers={"Content-Type": "message/rfc822"})
            _refuse(answer)
            return str(answer.json()["blobId"])
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise ToolFailed(f"the mail server did not take the mail: {_words(error)}") from error

    async def _request(self, calls: Sequence[Call]) -> Answers:
        url = urljoin(self.session_url, self.session.api)
        _keep_the_login_secret(url)
        named = [[method, {"accountId": self.account, **said}, method] for method, said in calls]
        answer = await self.http.post(url, json={"using": [CORE, MAIL, SUBMISSION], "methodCalls": named})
        _refuse(answer)
        return Answers(_METHODS.validate_python(answer.json().get("methodResponses")), _clock(answer))

    def _capability(self, name: str) -> dict[str, Any]:
        return (self.session.accounts[self.account].capabilities or {}).get(name) or {}


_METHODS = TypeAdapter(list[tuple[str, dict[str, Any], str]])


@asynccontextmanager
async def connected(account: MailAccount) -> AsyncGenerator[Server]:
    """Log in and read the session.

    Raises:
        ToolFailed: it cannot be reached, does not let us in, or does not send mail by JMAP.
    """
    assert account.jmap_url is not None, "an account without JMAP sends by SMTP"
    url = _session_url(account.jmap_url)
    outside = not is_loopback(httpx.URL(url).host)
    trusted = _trusted(account)
    async with httpx.AsyncClient(
        auth=account.http_auth(), timeout=account.timeout, verify=trusted, trust_env=outside
    ) as http:
        session, found_at = await _session(http, url, account.user)
        yield Server(http, found_at, session, _sending_account(session))


def _trusted(account: MailAccount) -> ssl.SSLContext:
    try:
        return account.tls()
    except InvalidSettings as error:
        raise ToolFailed(f"the mail server was not asked: {error}") from error


def _words(error: Exception) -> str:
    """An error in one line; httpx leaves some without a text."""
    if isinstance(error, ValidationError):
        return "it does not speak as JMAP does"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _session_url(given: str) -> str:
    """A server's address alone leads to its session by the path that every server keeps for it."""
    return urljoin(given, WELL_KNOWN) if urlsplit(given).path in ("", "/") else given


async def _session(http: httpx.AsyncClient, url: str, user: str) -> tuple[Session, str]:
    try:
        answer = await http.get(url, follow_redirects=True)
    except httpx.HTTPError as error:
        raise ToolFailed(f"the mail server was not reached: {_words(error)}") from error
    if answer.status_code == 401 and answer.url.netloc != httpx.URL(url).netloc:
        # The login was not shown there: only who gives the address may say where it goes.
        raise ToolFailed(f"the mail server says that its session is at {answer.url}: give that as jmap_url")
    if answer.status_code == 401:
        raise ToolFailed(f"the mail server does not accept the login of {user}")
    try:
        return Session.model_validate_json(answer.raise_for_status().content), str(answer.url)
    except (httpx.HTTPError, ValidationError) as error:
        raise ToolFailed(f"there is no JMAP session at {url}: {_words(error)}") from error


def _sending_account(session: Session) -> str:
    account = session.primary.get(SUBMISSION) or session.primary.get(MAIL)
    if account is None or account not in session.accounts:
        raise ToolFailed("the mail server speaks JMAP, but sends no mail by it for this login")
    return account


def _keep_the_login_secret(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ToolFailed(f"the mail server wants the login without encryption, at {parts.hostname}: ask who runs it")


def _refuse(answer: httpx.Response) -> None:
    """A status of 400 and more stands for the whole request (RFC 8620, 3.6.1); from 500 on, nobody knows."""
    if 400 <= answer.status_code < 500:
        raise ToolFailed(f"the mail server refuses the request ({answer.status_code}): {_detail(answer)}")
    answer.raise_for_status()


def _detail(answer: httpx.Response) -> str:
    try:
        said = answer.json()
        return str(said.get("detail") or said.get("type") or answer.reason_phrase)
    except (ValueError, AttributeError):
        return answer.reason_phrase


def _clock(answer: httpx.Response) -> datetime:
    try:
        said = parsedate_to_datetime(answer.headers.get("Date", ""))
    except ValueError:
        return datetime.now(UTC)
    return said if said.tzinfo else said.replace(tzinfo=UTC)
