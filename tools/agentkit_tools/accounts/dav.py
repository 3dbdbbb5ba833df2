"""How the HTTP library under caldav shows an access token, and a fresh one when that is refused."""

from functools import partial
from typing import Any
from urllib.parse import urlsplit

from agentkit_tools.secrecy import AccessTokens


class DavBearer:
    """An `auth` in the manner of requests: called with every prepared request; `repr` shows no token.

    A request that was refused for its token (401) was not carried out: it is sent once more with a fresh one. Where
    a redirect led to another server, no token is shown.
    """

    def __init__(self, tokens: AccessTokens) -> None:
        self._tokens = tokens

    def __call__(self, request: Any) -> Any:
        """Show the token, and look at the answer."""
        token = self._tokens.access_token()
        request.headers["Authorization"] = f"Bearer {token}"
        request.register_hook("response", partial(self._once_more, token, _origin(request.url)))
        return request

    def _once_more(self, rejected: str, origin: tuple[str, str], response: Any, **sending: Any) -> Any:
        if response.status_code != 401 or _origin(response.request.url) != origin:
            return response
        _ = response.content  # read to its end, or the connection cannot be used again
        response.close()
        fresh = response.request.copy()
        fresh.headers["Authorization"] = f"Bearer {self._tokens.access_token(rejected)}"
        return response.connection.send(fresh, **sending)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
