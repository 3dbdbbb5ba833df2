"""A booking server that speaks OCTO 1.0: its account, and requests whose errors say what they prove."""

import ssl
from functools import cache
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, TypeAdapter

from agentkit.errors import ToolFailed
from agentkit_tools.secrecy import is_loopback, require_https

T = TypeVar("T")

NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol)


class Refused(ToolFailed):
    """The server says no; this request has changed nothing."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"the booking server refuses ({code or status}): {message}")
        self.status = status
        self.code = code


class Octo(BaseModel):
    """Where the server is and the token that opens it; `repr` never shows the token.

    Raises:
        ValueError: a URL that is neither https nor on the loopback.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: Annotated[str, AfterValidator(require_https)]
    token: SecretStr
    timeout: float = 20
    """Seconds to wait for an answer."""

    async def ask(self, kind: type[T], method: str, *path: str, body: Any = None) -> T:
        """A request without an effect.

        Raises:
            ToolFailed: no answer; `Refused` where the server says no.
        """
        try:
            return TypeAdapter(kind).validate_python(await self._request(method, path, body))
        except (httpx.HTTPError, ValueError) as error:
            raise ToolFailed(f"the booking server did not answer: {_words(error)}") from error

    async def find(self, kind: type[T], *path: str) -> T | None:
        """What is there, or None when the server knows of no such thing. Raises like `ask`."""
        try:
            return await self.ask(kind, "GET", *path)
        except Refused as refusal:
            if refusal.status == 404 or refusal.code.startswith("INVALID_"):
                return None
            raise

    async def change(self, kind: type[T], *path: str, body: Any) -> T:
        """A request with an effect. At a later attempt, look first whether an earlier one had it.

        Raises:
            Refused: the server says no.
            ToolFailed: the request never left.
            Exception: nobody knows.
        """
        try:
            return TypeAdapter(kind).validate_python(await self._request("POST", path, body))
        except NEVER_LEFT as error:
            raise ToolFailed(f"the booking server was not reached: {_words(error)}") from error

    async def _request(self, method: str, path: tuple[str, ...], body: Any) -> Any:
        url = self.url + "/".join(quote(part, safe="") for part in path)
        async with self._client() as client:
            response = await client.request(method, url, json=body)
        if 400 <= response.status_code < 500:
            raise _refusal(response)
        return response.raise_for_status().json()

    def _client(self) -> httpx.AsyncClient:
        """A new one for each request, as it belongs to an event loop; without a proxy on the loopback."""
        token = self.token.get_secret_value()
        headers = {"Authorization": f"Bearer {token}", "Octo-Capabilities": "octo/pricing"}
        outside = not is_loopback(httpx.URL(self.url).host)
        return httpx.AsyncClient(headers=headers, timeout=self.timeout, verify=_trusted(), trust_env=outside)


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()


def _refusal(response: httpx.Response) -> Refused:
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return Refused(response.status_code, "", response.reason_phrase)
    said: dict[str, Any] = document  # pyright: ignore[reportUnknownVariableType]  # any JSON object
    return Refused(response.status_code, str(said.get("error", "")), str(said.get("errorMessage", "")))


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
