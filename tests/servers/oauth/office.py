"""The rules of an authorization server: who may ask, what a code and a token are worth, and when they are not.

Stricter than many real ones: PKCE with S256 and a state are required of everybody, a code is good once, and a refresh
token too; whoever brings one a second time ends the whole grant (RFC 6749, RFC 7636, RFC 9700).
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from secrets import token_urlsafe
from urllib.parse import urlsplit

SCOPES = frozenset({"offline_access", "mail", "calendar"})
CODE_SECONDS = 60


class Refusal(Exception):
    """A no in the words of RFC 6749; `status` is 401 for a client that did not prove who it is."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error, self.description, self.status = error, description, status


@dataclass(frozen=True)
class Asked:
    """One request for a person's consent."""

    client_id: str
    redirect_uri: str
    state: str
    challenge: str
    scope: str


@dataclass
class Grant:
    """What a person has agreed to, and every token that came of it."""

    user: str
    asked: Asked
    scope: str
    revoked: bool = False
    refresh_token: str | None = None
    used_up: set[str] = field(default_factory=set)


@dataclass
class Office:
    """All that the server knows; whoever holds `lock` may look and change."""

    clients: Mapping[str, str | None]
    """Each client's secret, or None for a program that cannot keep one."""
    users: tuple[str, ...]
    lifetime: float = 3600
    """Seconds an access token is good."""
    rotates: bool = True
    gives_refresh_tokens: bool = True
    grants_only: frozenset[str] = SCOPES
    """What the person leaves ticked."""
    trouble: list[int] = field(default_factory=list)
    """Statuses with which the next token requests are answered, before anything is looked at."""
    delay: float = 0
    """Seconds before a token request is answered."""
    token_requests: list[str] = field(default_factory=list)
    """The grant types that were asked for, in their order."""
    grants: list[Grant] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting: dict[str, Asked] = field(default_factory=dict)
    _codes: dict[str, tuple[Grant, float]] = field(default_factory=dict)
    _spent: dict[str, Grant] = field(default_factory=dict)
    _access: dict[str, tuple[Grant, float]] = field(default_factory=dict)

    def ask(self, given: Mapping[str, str]) -> tuple[str, Asked]:
        """A browser brings a request: keep it until the person answers. Returns its number."""
        client_id, redirect_uri = given.get("client_id", ""), given.get("redirect_uri", "")
        if client_id not in self.clients:
            raise Refusal("invalid_client", "there is no such client")
        where = urlsplit(redirect_uri)
        if where.scheme != "http" or where.hostname not in ("127.0.0.1", "localhost") or where.path or where.query:
            raise Refusal("invalid_request", "that redirect_uri is not registered: http://127.0.0.1, any port")
        asked = Asked(
            client_id, redirect_uri, given.get("state", ""), given.get("code_challenge", ""), given.get("scope", "")
        )
        number = token_urlsafe(12)
        self._waiting[number] = asked
        return number, asked

    @staticmethod
    def check(given: Mapping[str, str]) -> None:
        """What is wrong with it is told to the program, through its redirect."""
        if given.get("response_type") != "code":
            raise Refusal("unsupported_response_type", "only code")
        if len(given.get("state", "")) < 16:
            raise Refusal("invalid_request", "there is no state that is hard to guess")
        if given.get("code_challenge_method") != "S256":
            raise Refusal("invalid_request", "PKCE with S256 is required")
        if not re.fullmatch(r"[A-Za-z0-9_-]{43}", given.get("code_challenge", "")):
            raise Refusal("invalid_request", "the code_challenge is not the SHA-256 of a verifier")
        if not set(given.get("scope", "").split()) <= SCOPES:
            raise Refusal("invalid_scope", "one of the scopes is unknown")

    def agree(self, number: str, user: str) -> tuple[Asked, str]:
        """The person agrees, once. Returns the code for the program."""
        asked = self._waiting.pop(number, None)
        if asked is None or user not in self.users:
            raise Refusal("access_denied", "there is no such request, or no such person")
        granted = [scope for scope in asked.scope.split() if scope in self.grants_only]
        grant, code = Grant(user, asked, " ".join(granted)), token_urlsafe(24)
        self.grants.append(grant)
        self._codes[code] = grant, time.time() + CODE_SECONDS
        return asked, code

    def decline(self, number: str) -> Asked:
        """The person says no."""
        if number not in self._waiting:
            raise Refusal("access_denied", "there is no such request")
        return self._waiting.pop(number)

    def redeem(self, client_id: str, given: Mapping[str, str]) -> dict[str, object]:
        """Tokens for a code; a code that comes twice ends what the first one brought."""
        code = given.get("code", "")
        if code in self._spent:
            self._spent[code].revoked = True
            raise Refusal("invalid_grant", "this code was used before; what it brought is revoked")
        grant, until = self._codes.pop(code, (None, 0.0))
        if grant is None or time.time() > until:
            raise Refusal("invalid_grant", "this code is unknown or too old")
        self._spent[code] = grant
        if grant.asked.client_id != client_id or grant.asked.redirect_uri != given.get("redirect_uri"):
            raise Refusal("invalid_grant", "this code was given to another")
        if challenge_of(given.get("code_verifier", "")) != grant.asked.challenge:
            raise Refusal("invalid_grant", "the code_verifier does not fit")
        return self._tokens(grant, new_refresh_token=self.gives_refresh_tokens)

    def renew(self, client_id: str, given: Mapping[str, str]) -> dict[str, object]:
        """Tokens for a refresh token; one that comes twice was stolen from one of the two."""
        token = given.get("refresh_token", "")
        for grant in self.grants:
            if token in grant.used_up:
                grant.revoked = True
                raise Refusal("invalid_grant", f"the refresh token {token} was used before; the grant is revoked")
            if token and grant.refresh_token == token and not grant.revoked and grant.asked.client_id == client_id:
                return self._tokens(grant, new_refresh_token=self.rotates)
        raise Refusal("invalid_grant", f"the refresh token {token} is unknown or revoked")

    def revoke(self, client_id: str, token: str) -> None:
        """End the grant that a token belongs to; an unknown one is no error (RFC 7009, section 2.2)."""
        for grant in self.grants:
            if self.owns(grant, token) and grant.asked.client_id == client_id:
                grant.revoked = True

    def owns(self, grant: Grant, token: str) -> bool:
        return token in (grant.refresh_token, *(each for each, (owner, _) in self._access.items() if owner is grant))

    def introspect(self, token: str) -> dict[str, object]:
        """What a server that was shown a token may know (RFC 7662)."""
        grant, until = self._access.get(token, (None, 0.0))
        if grant is None or grant.revoked or time.time() > until:
            return {"active": False}
        return {
            "active": True,
            "username": grant.user,
            "scope": grant.scope,
            "client_id": grant.asked.client_id,
            "token_type": "Bearer",
            "exp": int(until),
        }

    def _tokens(self, grant: Grant, *, new_refresh_token: bool) -> dict[str, object]:
        access = token_urlsafe(32)
        self._access[access] = grant, time.time() + self.lifetime
        told: dict[str, object] = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "scope": grant.scope,
        }
        if new_refresh_token:
            grant.used_up |= {grant.refresh_token} - {None}  # type: ignore[arg-type]
            told["refresh_token"] = grant.refresh_token = token_urlsafe(32)
        return told

    def end_access_tokens(self) -> None:
        """None of them is good any more, whatever was said about their time."""
        self._access.clear()

    def secrets(self) -> set[str]:
        """Every code and token that was ever given out, to look for where they must not be."""
        refresh = {each for grant in self.grants for each in (grant.refresh_token, *grant.used_up) if each}
        return {*self._codes, *self._spent, *self._access} | refresh


def challenge_of(verifier: str) -> str:
    """As RFC 7636 has it; a verifier that is too short fits nothing."""
    if not re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier):
        return ""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
