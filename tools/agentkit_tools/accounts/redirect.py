"""The end of the way through the browser: a listener on this machine that takes one answer and closes."""

import hmac
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from agentkit_tools.accounts.errors import ConnectFailed

LOOPBACK = "127.0.0.1"
HEADERS = {
    "Content-Type": "text/plain; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}


class Redirect:
    """Listens on a free port until it has the answer that carries our state; others are turned away."""

    def __init__(self, host: str, state: str) -> None:
        self._state = state
        self._answer: dict[str, str] | None = None
        self._answered = threading.Event()
        self._turn = threading.Lock()
        self._server = _Listener((LOOPBACK, 0), _Visit)
        self._server.redirect = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.uri = f"http://{host}:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait(self, seconds: float) -> str:
        """The code for the tokens.

        Raises:
            ConnectFailed: the provider said no, or nobody came.
        """
        if not self._answered.wait(seconds) or self._answer is None:
            raise ConnectFailed(f"nobody has agreed within {seconds:g} s; run it again")
        if error := self._answer.get("error"):
            why = self._answer.get("error_description", "")[:200]
            raise ConnectFailed(f"the provider says {error[:80]}" + (f": {why}" if why else ""))
        if not (code := self._answer.get("code")):
            raise ConnectFailed("the provider sent neither a code nor an error")
        return code

    def visited(self, target: str) -> tuple[int, str]:
        """What a visitor is told. Any page in the browser can come here; only the provider knows the state."""
        parts = urlsplit(target)
        pairs = parse_qsl(parts.query)
        given = dict(pairs)
        if parts.path not in ("", "/") or len(given) != len(pairs):
            return 404, "There is nothing here.\n"
        if not hmac.compare_digest(given.get("state", "").encode(), self._state.encode()):
            return 400, "This is not an answer to what was asked. Go back to the terminal, and open its link again.\n"
        with self._turn:
            if self._answered.is_set():
                return 400, "There was an answer already.\n"
            self._answer = given
            self._answered.set()
        return 200, "Thank you. The rest is told in the terminal; this page can be closed.\n"


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    redirect: Redirect


class _Visit(BaseHTTPRequestHandler):
    timeout = 10
    server_version = "agentkit"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer in plain text; nothing that the visitor said is repeated."""
        server: Any = self.server
        status, words = server.redirect.visited(self.path)
        content = words.encode()
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the address of a visit holds the code."""
