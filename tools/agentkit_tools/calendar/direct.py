"""Asking only where one was told to: a redirect is followed nowhere, neither to a login page nor to another server."""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit

from agentkit.errors import ToolFailed


def without_redirects(session: Any) -> None:
    """Make a session in the manner of requests follow no redirect.

    Its requests raise `ToolFailed` when they are answered by one: who sends us elsewhere has not done it himself.
    """
    session.request = partial(_ask, session.request)


def _ask(request: Callable[..., Any], method: str, url: str, **more: Any) -> Any:
    try:
        answer = request(method, url, **{**more, "allow_redirects": False})
    except ValueError as error:  # the library reads where a redirect leads to, though it does not follow it
        raise ConnectionError(f"the calendar's answer cannot be read; nobody knows what it did: {error}") from error
    if answer.status_code == 303 and method in ("PUT", "DELETE"):
        raise ConnectionError("the calendar sends us elsewhere to see what it did (303); nobody knows what that is")
    if _redirects(answer):
        place = _place(url, answer.headers.get("Location") or "")
        raise ToolFailed(
            f"the calendar has moved to {place}: put that into url=. If that is a login page, the server does not "
            "take this login; nothing was done"
        )
    if any(map(_redirects, answer.history)):
        raise ConnectionError(f"another place answered than {url}; nobody knows what it did")
    return answer


def _redirects(answer: Any) -> bool:
    return 300 <= answer.status_code < 400


def _place(url: str, location: str) -> str:
    """Of the calendar, where an event of it has moved; what follows a question mark may be secret."""
    try:
        parts = urlsplit(urljoin(url, location))
    except ValueError:
        return "another place"
    name = urlsplit(url).path.rpartition("/")[2]
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.removesuffix(name)}"[:300]
