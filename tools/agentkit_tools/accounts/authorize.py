"""Asking a person in the browser: authorization code with PKCE, and a redirect to this machine (RFC 7636, RFC 8252).

The three forms of this protocol are written here and in `client`, over httpx. oauthlib and Authlib build the same
forms, but both take a redirect to http://127.0.0.1 only when an environment variable turns their check for https off,
for everything; neither has types; and what is hard, the listener, the lock and the keeping, is left to us.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from secrets import token_urlsafe
from urllib.parse import urlencode

from agentkit_tools.accounts.client import Answer, Client, NoAnswer, Refused
from agentkit_tools.accounts.errors import ConnectFailed
from agentkit_tools.accounts.grant import Grant
from agentkit_tools.accounts.redirect import Redirect

PATIENCE = 300
"""Seconds for a person to log in and agree."""


def authorize(
    client: Client, address: str, show: Callable[[str], object], wait: float = PATIENCE
) -> tuple[Grant, list[str]]:
    """Have a person agree in the browser; returns the grant, and the scopes that were asked for but not granted.

    Args:
        client: who asks.
        address: of the account; the provider offers it at its login.
        show: brings the address of the provider's page before the person.
        wait: seconds for the person to come back.

    Raises:
        ConnectFailed: the person or the provider said no, or nobody answered.
    """
    state, verifier = token_urlsafe(32), token_urlsafe(64)
    with Redirect(client.provider.redirect_host, state) as redirect:
        show(_page(client, address, redirect.uri, state, verifier))
        code = redirect.wait(wait)
    try:
        answer, asked_at = client.exchange(code, redirect.uri, verifier)
    except (Refused, NoAnswer) as error:
        raise ConnectFailed(f"no tokens: {error}") from None
    if answer.refresh_token is None:
        raise ConnectFailed(
            f"no refresh token came, so this would end soon; remove the app at {client.provider.manage_at}, "
            "then connect again, and let it ask for offline access"
        )
    return Grant.given(answer, asked_at, answer.refresh_token, client.client_secret), _missing(client, answer)


def _page(client: Client, address: str, redirect_uri: str, state: str, verifier: str) -> str:
    asked = {
        **client.provider.parameters,
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(client.provider.scopes),
        "state": state,
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
        "login_hint": address,
    }
    return f"{client.provider.authorization_url}?{urlencode(asked)}"


def challenge(verifier: str) -> str:
    """What the provider holds the verifier against (RFC 7636, section 4.2)."""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _missing(client: Client, answer: Answer) -> list[str]:
    """A provider that does not say granted everything; `offline_access` is seldom named."""
    if answer.scope is None:
        return []
    granted = {*answer.scope.lower().split(), "offline_access"}
    return [scope for scope in client.provider.scopes if scope.lower() not in granted]
