"""Losing the answer: after a change was committed, the connection closes instead of replying."""

from __future__ import annotations

from asyncio import Transport
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from examples.trip_desk.faults import Faults


@dataclass(frozen=True)
class LosesAnswers:
    """Wraps the application; an armed drop is used up only by a change that did happen."""

    app: ASGIApp
    faults: Faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _changes_something(scope):
            await self.app(scope, receive, send)
            return
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self.app(scope, receive, keep)
        if answer[0]["status"] < 400 and self.faults.take("drop_after_effect") is not None:
            await _hang_up(scope, receive)
            return
        for message in answer:
            await send(message)


class KnowsItsTransport(H11Protocol):
    """Hands the transport to the application, which has no other way to close it."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def _changes_something(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    return scope["path"].startswith("/bookings") and not scope["path"].endswith("/quote")


async def _hang_up(scope: Scope, receive: Receive) -> None:
    scope["state"]["transport"].abort()
    while (await receive())["type"] != "http.disconnect":
        pass
