"""The command line of the submission server; it reads `settings.json` in its folder."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import ssl
import warnings
from functools import partial
from pathlib import Path

from aiosmtpd.smtp import SMTP

from examples.trip_desk.listening import announce, listen, port_of
from tests.servers.submission.desk import Desk

SIZE_LIMIT = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description="SMTP submission on the loopback.")
    parser.add_argument("--folder", type=Path, required=True, help="where settings.json is")
    parser.add_argument("--smtp-port", type=int, default=0, help="with STARTTLS; 0 lets the system choose")
    parser.add_argument("--smtps-port", type=int, default=0, help="with TLS from the start")
    options = parser.parse_args()
    asyncio.run(serve(options.folder, options.smtp_port, options.smtps_port))


async def serve(folder: Path, smtp_port: int, smtps_port: int) -> None:
    """Serve until told to end; the ports are announced in the folder."""
    # With TLS from the start aiosmtpd misses the TLS it would begin itself, and says so at every session.
    warnings.filterwarnings("ignore", message="Requiring AUTH while not requiring TLS")
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    settings = json.loads((folder / "settings.json").read_text())
    desk = Desk.opened(folder, settings)
    offered = _certificate(folder / "tls")
    plain, encrypted = listen(smtp_port), listen(smtps_port)
    ports = {"smtp_port": port_of(plain), "smtps_port": port_of(encrypted)}
    loop = asyncio.get_running_loop()
    first = await loop.create_server(partial(_session, desk, offered), sock=plain)
    second = await loop.create_server(partial(_session, desk, None), sock=encrypted, ssl=offered)
    announce(folder, ports)
    await _told_to_end()
    first.close()
    second.close()


def _session(desk: Desk, starttls: ssl.SSLContext | None) -> SMTP:
    return SMTP(
        desk,
        tls_context=starttls,
        require_starttls=starttls is not None,
        authenticator=desk.authenticate,
        auth_required=True,
        auth_require_tls=starttls is not None,
        data_size_limit=SIZE_LIMIT,
        enable_SMTPUTF8=True,
        hostname="localhost",
    )


def _certificate(folder: Path) -> ssl.SSLContext:
    offered = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    offered.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return offered


async def _told_to_end() -> None:
    told = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, told.set)
    await told.wait()


if __name__ == "__main__":
    main()
