"""The command line of the calendar server: `python -m examples.trip_desk.calendar --folder F [--port P]`.

Radicale's own command refuses port 0, so that its port would have to be guessed and raced for; hence its WSGI
application here, behind a socket that the system chose.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from radicale import config, log
from radicale.app import Application

from examples.trip_desk.calendar.settings import settings_in
from examples.trip_desk.listening import HOST, announce, port_of


def main() -> None:
    parser = argparse.ArgumentParser(description="Radicale on the loopback.")
    parser.add_argument("--folder", type=Path, required=True, help="where its settings and collections are")
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    options = parser.parse_args()
    serve(options.folder, options.port)


def serve(folder: Path, port: int) -> None:
    """Serve until told to end; the port is announced in the folder."""
    log.setup()
    settings = config.load([(str(settings_in(folder)), False)])
    with _Server((HOST, port), WSGIRequestHandler) as server:
        server.set_app(Application(settings))
        announce(folder, {"port": port_of(server.socket)})
        server.serve_forever()


class _Server(ThreadingMixIn, WSGIServer):
    """One thread for each request; none of them outlives the process."""

    daemon_threads = True

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's would ask the resolver for the machine's name
        self.server_name, self.server_port = HOST, port_of(self.socket)
        self.setup_environ()


if __name__ == "__main__":
    main()
