"""A booking server over HTTP: requests whose errors say what they prove."""

import json
import ssl
from collections.abc import Callable, Generator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter

from agentkit.errors import ToolFailed
from agentkit_tools.secrecy import is_loopback

T = TypeVar("T")

LONGEST_ANSWER = 8_000_000
"""Bytes, unpacked."""
LONGEST_REFUSAL = 500
"""Signs of what a server says about its no."""
NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol)


class Refused(ToolFailed):
    """The server says no; this request has changed nothing."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"the booking server refuses ({(code or str(status))[:100]}): {message[:LONGEST_REFUSAL]}")
        self.status = status
        self.code = code


class TooLong(ValueError):
    """An answer that nobody wants to read."""


class Unread(Exception):
    """Something was done, and what became of it could not be read."""


@contextmanager
def after_a_change() -> Generator[None]:
    """Around what follows a change: that it fails is no proof that nothing happened.

    Raises:
        Unread: in the place of `ToolFailed`.
    """
    try:
        yield
    except ToolFailed as error:
        raise Unread(f"the change may have been made, and could not be seen: {error}") from error


@dataclass(frozen=True)
class Refusal:
    """How a server words its no."""

    code: str
    message: str


@dataclass(frozen=True)
class Server:
    """Where it is, what opens it, and how it says no."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    timeout: float
    """Seconds to wait for an answer."""
    worded: Callable[[Mapping[str, Any]], Refusal]
    """Reads the JSON object that a refusal brings."""
    busy: Set[int] = frozenset()
    """Statuses below 500, beside 408, that prove nothing: the same request may be at work at this moment."""

    async def ask(
        self, kind: type[T], method: str, *path: str, body: Any = None, query: Mapping[str, str] | None = None
    ) -> T:
        """A request without an effect.

        Raises:
            ToolFailed: no answer; `Refused` where the server says no.
        """
        try:
            return TypeAdapter(kind).validate_python(await self._request(method, path, body, query=query))
        except (httpx.HTTPError, ValueError) as error:
            raise ToolFailed(f"the booking server did not answer: {_words(error)}") from error

    async def find(self, kind: type[T], *path: str, query: Mapping[str, str] | None = None) -> T | None:
        """What is there, or None when the server knows of no such thing. Raises like `ask`."""
        try:
            return await self.ask(kind, "GET", *path, query=query)
        except Refused as refusal:
            if refusal.status == 404 or (refusal.status, refusal.code) == (400, "INVALID_BOOKING_UUID"):
                return None
            raise

    async def change(self, kind: type[T], method: str, *path: str, body: Any, key: str = "") -> T:
        """A request with an effect; `key` is for servers that know a request again by it.

        Raises:
            Refused: the server says no.
            ToolFailed: the request never left.
            Exception: nobody knows.
        """
        try:
            return TypeAdapter(kind).validate_python(await self._request(method, path, body, key=key))
        except NEVER_LEFT as error:
            raise ToolFailed(f"the booking server was not reached: {_words(error)}") from error

    async def _request(
        self, method: str, path: tuple[str, ...], body: Any, *, query: Mapping[str, str] | None = None, key: str = ""
    ) -> Any:
        url = self.url + "/".join(_part(part) for part in path)
        headers = {"X-Idempotency-Key": key} if key else {}
        async with self._client() as client:
            request = client.build_request(method, url, json=body, params=query, headers=headers)
            response = await client.send(request, stream=True)
            try:
                answer = await _read(response)
            finally:
                await response.aclose()
        if 400 <= response.status_code < 500 and response.status_code not in self.busy | {408}:
            raise self._refused(response, answer)
        response.raise_for_status()
        return json.loads(answer)

    def _client(self) -> httpx.AsyncClient:
        """A new one for each request, as it belongs to an event loop; without a proxy on the loopback."""
        outside = not is_loopback(httpx.URL(self.url).host)
        headers = dict(self.headers)
        return httpx.AsyncClient(headers=headers, timeout=self.timeout, verify=_trusted(), trust_env=outside)

    def _refused(self, response: httpx.Response, answer: bytes) -> Refused:
        try:
            document = json.loads(answer)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            return Refused(response.status_code, "", response.reason_phrase)
        said: dict[str, Any] = document  # pyright: ignore[reportUnknownVariableType]  # any JSON object
        refusal = self.worded(said)
        return Refused(response.status_code, refusal.code, refusal.message)


def _part(part: str) -> str:
    """One step of a path. Dots are no signs to escape, and would lead elsewhere."""
    if part in (".", ".."):
        raise ToolFailed(f"{part!r} is no id")
    return quote(part, safe="")


async def _read(response: httpx.Response) -> bytes:
    answer = bytearray()
    async for some in response.aiter_bytes():
        answer += some
        if len(answer) > LONGEST_ANSWER:
            raise TooLong(f"the answer is longer than {LONGEST_ANSWER} bytes")
    return bytes(answer)


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
