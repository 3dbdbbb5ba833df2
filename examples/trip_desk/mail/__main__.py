"""The command line of the mail server.

`python -m examples.trip_desk.mail --folder F [--smtp-port P] [--imap-port Q]`
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

from examples.trip_desk.faults import Faults
from examples.trip_desk.listening import announce, listen, port_of
from examples.trip_desk.mail.imap import serve_imap
from examples.trip_desk.mail.maildir import PostOffice
from examples.trip_desk.mail.submission import serve_smtp


def main() -> None:
    parser = argparse.ArgumentParser(description="SMTP submission and IMAP on the loopback.")
    parser.add_argument("--folder", type=Path, required=True, help="where its accounts and Maildirs are")
    parser.add_argument("--smtp-port", type=int, default=0, help="0 lets the system choose")
    parser.add_argument("--imap-port", type=int, default=0, help="0 lets the system choose")
    options = parser.parse_args()
    asyncio.run(serve(options.folder, options.smtp_port, options.imap_port))


async def serve(folder: Path, smtp_port: int, imap_port: int) -> None:
    """Serve until told to end; the ports are announced in the folder."""
    office = PostOffice.open(folder)
    smtp, imap = listen(smtp_port), listen(imap_port)
    ports = {"smtp_port": port_of(smtp), "imap_port": port_of(imap)}
    servers = [await serve_smtp(office, Faults(folder), smtp), await serve_imap(office, imap)]
    announce(folder, ports)
    await _told_to_end()
    for server in servers:
        server.close()


async def _told_to_end() -> None:
    told = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, told.set)
    await told.wait()


if __name__ == "__main__":
    main()
