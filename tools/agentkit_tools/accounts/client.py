"""A program as its provider knows it, and the requests it sends there: exchange, renew, revoke."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote_plus

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import from_json

from agentkit_tools.accounts.provider import Provider
from agentkit_tools.secrecy import is_loopback, trusting

SECONDS = 20
"""How long to wait for the provider's answer."""


BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")
VISIBLE = re.compile(r"[ -~]+")


class Refused(Exception):
    """The provider said no, and will say no again; `code` is its word for why (RFC 6749, section 5.2)."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code


class NoAnswer(Exception):
    """The provider was not reached, or said nothing that can be understood."""


def _bearer(token: SecretStr) -> SecretStr:
    """It stands in headers and in commands, where a line end would begin another one."""
    if not BEARER.fullmatch(token.get_secret_value()):
        raise ValueError("it has characters that no access token may have (RFC 6750)")
    return token


def _visible(token: SecretStr) -> SecretStr:
    if not VISIBLE.fullmatch(token.get_secret_value()):
        raise ValueError("it has characters that no refresh token may have (RFC 6749)")
    return token


class Answer(BaseModel):
    """Tokens as the provider gives them (RFC 6749, section 5.1)."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    access_token: Annotated[SecretStr, AfterValidator(_bearer)]
    token_type: Annotated[str, Field(pattern=r"(?i)^bearer$")]
    expires_in: Annotated[float, Field(gt=0)] = 300
    """Seconds, from when the provider wrote the answer; a provider that does not say is asked often."""
    refresh_token: Annotated[SecretStr, AfterValidator(_visible)] | None = None
    scope: str | None = None


@dataclass(frozen=True)
class Client:
    """A registration with a provider. Its calls block; what they raise holds no token."""

    provider: Provider
    client_id: str
    client_secret: SecretStr | None = None

    def exchange(self, code: str, redirect_uri: str, verifier: str) -> tuple[Answer, datetime]:
        """Tokens for the code that a person's browser brought, and when they were asked for.

        Raises:
            Refused: the provider does not accept it.
            NoAnswer: it did not answer.
        """
        return self._tokens(
            grant_type="authorization_code", code=code, redirect_uri=redirect_uri, code_verifier=verifier
        )

    def renew(self, refresh_token: SecretStr) -> tuple[Answer, datetime]:
        """Fresh tokens for a refresh token, which may be used up by this, and when they were asked for.

        Raises:
            Refused: the provider does not accept it any more.
            NoAnswer: it did not answer.
        """
        return self._tokens(grant_type="refresh_token", refresh_token=refresh_token.get_secret_value())

    def revoke(self, refresh_token: SecretStr) -> bool:
        """Give everything back that was granted (RFC 7009); False where the provider has no such door.

        Raises:
            Refused: the provider does not do it.
            NoAnswer: it did not answer.
        """
        if self.provider.revocation_url is None:
            return False
        form = {"token": refresh_token.get_secret_value(), "token_type_hint": "refresh_token"}
        response = self._post(self.provider.revocation_url, form)
        # Google answers so when there is nothing left to revoke; the standard asks for 200.
        if response.status_code != 200 and _error(response) != "invalid_token":
            raise self._no(response, form)
        return True

    def _tokens(self, **form: str) -> tuple[Answer, datetime]:
        asked_at = datetime.now(UTC)
        response = self._post(self.provider.token_url, form)
        if response.status_code != 200:
            raise self._no(response, form)
        try:
            return Answer.model_validate_json(response.content), asked_at
        except ValidationError as error:
            what = ", ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            raise NoAnswer(f"{self.provider.token_url} did not answer with tokens ({what})") from None

    def _post(self, url: str, form: dict[str, str]) -> httpx.Response:
        """No redirects: tokens go where the provider is said to be, nowhere else. No proxy before the loopback."""
        own, auth = self._identified()
        trust_env = not is_loopback(httpx.URL(url).host)
        verify = trusting(self.provider.ca_file)
        try:
            with httpx.Client(verify=verify, timeout=SECONDS, trust_env=trust_env, auth=auth) as http:
                return http.post(url, data=form | own, headers={"Accept": "application/json"})
        except httpx.HTTPError as error:
            raise NoAnswer(f"{url} did not answer: {type(error).__name__} {error}") from None

    def _identified(self) -> tuple[dict[str, str], httpx.BasicAuth | None]:
        """Who asks: in the form, or in the header (RFC 6749, section 2.3.1, where both parts are encoded first)."""
        if self.client_secret is None:
            return {"client_id": self.client_id}, None
        secret = self.client_secret.get_secret_value()
        if self.provider.client_authentication == "basic":
            return {}, httpx.BasicAuth(quote_plus(self.client_id), quote_plus(secret))
        return {"client_id": self.client_id, "client_secret": secret}, None

    def _no(self, response: httpx.Response, form: dict[str, str]) -> Refused | NoAnswer:
        """Only a client error in the standard's form is a no; anything else may be different in a minute."""
        error, url = _error(response), response.request.url
        if not error or response.status_code >= 500 or response.status_code == 429:
            return NoAnswer(f"{url} answered {response.status_code} {error}".rstrip())
        description = _said(response, "error_description")[:200]
        for secret in (*form.values(), self.client_secret.get_secret_value() if self.client_secret else ""):
            description = description.replace(secret, "***") if len(secret) > 8 else description
        return Refused(error, description)


def _error(response: httpx.Response) -> str:
    return _said(response, "error")[:80]


def _said(response: httpx.Response, name: str) -> str:
    try:
        told: Any = from_json(response.content)
    except ValueError:
        return ""
    word: Any = told.get(name) if isinstance(told, dict) else None  # type: ignore[union-attr]
    return word if isinstance(word, str) else ""
