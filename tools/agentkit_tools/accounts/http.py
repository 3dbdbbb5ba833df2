"""How web servers are shown an access token: as a bearer (RFC 6750), fetched anew when one is refused."""

import asyncio
from collections.abc import AsyncGenerator, Generator

import httpx

from agentkit_tools.secrecy import AccessTokens


class Bearer(httpx.Auth):
    """A request that was refused for its token (401) was not carried out: it is sent once more with a fresh one."""

    def __init__(self, tokens: AccessTokens) -> None:
        self._tokens = tokens

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """For a client that blocks."""
        token = self._tokens.access_token()
        response = yield _with(token, request)
        if response.status_code == 401:
            yield _with(self._tokens.access_token(rejected=token), request)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """For a client that does not; renewing a token blocks, and has a thread of its own."""
        token = await asyncio.to_thread(self._tokens.access_token)
        response = yield _with(token, request)
        if response.status_code == 401:
            yield _with(await asyncio.to_thread(self._tokens.access_token, token), request)


def _with(token: str, request: httpx.Request) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token}"
    return request
