"""IMAP by pymap over the Maildirs: its accounts, and the socket it is served on."""

from __future__ import annotations

import asyncio
import os
import re
from argparse import Namespace
from asyncio import AbstractServer, StreamReader, StreamWriter
from socket import socket
from uuid import uuid4

from proxyprotocol.sock import SocketInfo
from pymap.backend.maildir import Config, Login
from pymap.backend.maildir.mailbox import LoadedMessage, Message
from pymap.imap import IMAPServer
from pymap.mime import MessageContent
from pymap.parsing.specials import FetchRequirement
from pysasl.hashing import Cleartext

from examples.trip_desk.mail.maildir import PostOffice


async def serve_imap(office: PostOffice, listener: socket) -> AbstractServer:
    """Serve the mailboxes on this socket."""
    os.environ["FQDN"] = "localhost"  # or pymap asks the resolver for the machine's name at every greeting
    _write_accounts(office)
    config = _config(office)
    config.apply_context()
    Message.load_content = _load_as_delivered
    mailboxes = IMAPServer(Login(config), config)

    async def session(reader: StreamReader, writer: StreamWriter) -> None:
        await mailboxes(reader, writer, SocketInfo.get(writer, None, unique_id=uuid4().bytes))

    return await asyncio.start_server(session, sock=listener)


async def _load_as_delivered(self: Message, requirement: FetchRequirement) -> LoadedMessage:
    """The bytes of the file with the line ends of the protocol; pymap would fold and end the lines anew."""
    maildir, key = self._maildir, self._key
    if maildir is None or key is None or requirement.has_none(FetchRequirement.CONTENT):
        return LoadedMessage(self, requirement, None)
    try:
        content = maildir.get_bytes(key)
    except (KeyError, FileNotFoundError):
        return LoadedMessage(self, requirement, None)
    return LoadedMessage(self, requirement, MessageContent.parse(re.sub(rb"\r?\n", b"\r\n", content)))


def _config(office: PostOffice) -> Config:
    """What pymap's own command line would make of these options; passwords compare as they are."""
    options = Namespace(
        base_dir=str(office.maildirs),
        layout="++",
        colon=None,
        concurrency=None,
        host=None,
        port=0,
        cert=None,
        key=None,
        tls=False,
        debug=False,
        passlib_cfg=None,
        proxy_protocol=None,
    )
    return Config.from_args(options, hash_context=Cleartext())


def _write_accounts(office: PostOffice) -> None:
    """The passwd and shadow files in which pymap looks for its users."""
    passwd = [f"{address}:x::::{address}:\n" for address in office.passwords]
    shadow = [f"{address}:{password}:::::::\n" for address, password in office.passwords.items()]
    (office.maildirs / "pymap-etc-passwd").write_text("".join(passwd))
    (office.maildirs / "pymap-etc-shadow").write_text("".join(shadow))
