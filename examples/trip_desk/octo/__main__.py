"""The command line of the booking server: `python -m examples.trip_desk.octo --folder F [--port P]`."""

from __future__ import annotations

import argparse
from pathlib import Path

import uvicorn

from examples.trip_desk.faults import Faults
from examples.trip_desk.listening import announce, listen, port_of
from examples.trip_desk.octo.app import build
from examples.trip_desk.octo.connection import KnowsItsTransport, LosesAnswers
from examples.trip_desk.octo.files import ledger_in, token_in


def main() -> None:
    parser = argparse.ArgumentParser(description="An OCTO 1.0 booking server on the loopback.")
    parser.add_argument("--folder", type=Path, required=True, help="where its ledger and token are")
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    options = parser.parse_args()
    serve(options.folder, options.port)


def serve(folder: Path, port: int) -> None:
    """Serve until told to end; the port is announced in the folder."""
    faults = Faults(folder)
    app = LosesAnswers(build(ledger_in(folder), faults, token_in(folder)), faults)
    listener = listen(port)
    server = uvicorn.Server(uvicorn.Config(app, http=KnowsItsTransport, lifespan="off", timeout_graceful_shutdown=1))
    announce(folder, {"port": port_of(listener)})
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
