"""The doors of the authorization server, over HTTP: the page for a person, and the endpoints for programs."""

from __future__ import annotations

import asyncio
import base64
import html
from urllib.parse import parse_qsl, unquote_plus, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.servers.oauth.office import Office, Refusal

PAGE = """<!doctype html><title>Agree?</title>
<p>{client} asks for: {scope}</p>
<form method="post"><input type="hidden" name="request" value="{number}">
<label>Your address <input name="user" value="{hint}"></label>
<button name="decision" value="agree">Agree</button> <button name="decision" value="decline">Decline</button></form>
"""
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def application(office: Office) -> Starlette:
    """Everything under one roof."""

    async def ask(request: Request) -> Response:
        given = dict(request.query_params)
        try:
            with office.lock:
                number, asked = office.ask(given)
        except Refusal as refusal:
            return HTMLResponse(html.escape(str(refusal)), 400)  # never redirect to whom one does not know
        try:
            office.check(given)
        except Refusal as refusal:
            return _back(asked.redirect_uri, state=asked.state, error=refusal.error, why=refusal.description)
        words = {"client": asked.client_id, "scope": asked.scope, "number": number}
        hint = given.get("login_hint", "")
        return HTMLResponse(
            PAGE.format_map({name: html.escape(word) for name, word in (words | {"hint": hint}).items()})
        )

    async def answer(request: Request) -> Response:
        given = await _form(request)
        number, user = given.get("request", ""), given.get("user", "")
        try:
            with office.lock:
                if given.get("decision") != "agree":
                    asked = office.decline(number)
                    return _back(
                        asked.redirect_uri, state=asked.state, error="access_denied", why="the person declined"
                    )
                asked, code = office.agree(number, user)
        except Refusal as refusal:
            return HTMLResponse(html.escape(str(refusal)), 400)
        return _back(asked.redirect_uri, state=asked.state, code=code)

    async def token(request: Request) -> Response:
        given = await _form(request)
        await asyncio.sleep(office.delay)
        with office.lock:
            kind = given.get("grant_type", "")
            office.token_requests.append(kind)
            if office.trouble:
                return Response("<h1>come back later</h1>", office.trouble.pop(0), media_type="text/html")
            try:
                client_id = _client(office, request, given)
                doors = {"authorization_code": office.redeem, "refresh_token": office.renew}
                if kind not in doors:
                    raise Refusal("unsupported_grant_type", kind)
                return JSONResponse(doors[kind](client_id, given), headers=NO_STORE)
            except Refusal as refusal:
                return _no(refusal)

    async def revoke(request: Request) -> Response:
        given = await _form(request)
        with office.lock:
            try:
                office.revoke(_client(office, request, given), given.get("token", ""))
            except Refusal as refusal:
                return _no(refusal)
        return Response()

    async def introspect(request: Request) -> Response:
        given = await _form(request)
        with office.lock:
            return JSONResponse(office.introspect(given.get("token", "")), headers=NO_STORE)

    return Starlette(
        routes=[
            Route("/authorize", ask, methods=["GET"]),
            Route("/authorize", answer, methods=["POST"]),
            Route("/token", token, methods=["POST"]),
            Route("/revoke", revoke, methods=["POST"]),
            Route("/introspect", introspect, methods=["POST"]),
        ]
    )


async def _form(request: Request) -> dict[str, str]:
    """What was posted; a name that comes twice is taken for an attack, and nothing counts."""
    pairs = parse_qsl((await request.body()).decode())
    given = dict(pairs)
    return given if len(given) == len(pairs) else {}


def _client(office: Office, request: Request, given: dict[str, str]) -> str:
    """Who asks, proven where there is a secret: in the form or in the header, not in both."""
    client_id, secret = given.get("client_id", ""), given.get("client_secret")
    kind, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "basic":
        if secret is not None:
            raise Refusal("invalid_request", "the secret came twice")
        first, _, second = base64.b64decode(encoded).decode().partition(":")
        client_id, secret = unquote_plus(first), unquote_plus(second)
    if client_id not in office.clients or office.clients[client_id] != secret:
        raise Refusal("invalid_client", "no such client, or not its secret", 401)
    return client_id


def _back(redirect_uri: str, *, state: str, code: str = "", error: str = "", why: str = "") -> Response:
    told = {"state": state, "code": code, "error": error, "error_description": why}
    return RedirectResponse(f"{redirect_uri}/?{urlencode({name: word for name, word in told.items() if word})}", 302)


def _no(refusal: Refusal) -> Response:
    told = {"error": refusal.error, "error_description": refusal.description}
    return JSONResponse(told, refusal.status, headers=NO_STORE)
