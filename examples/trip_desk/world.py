"""The world of the trip desk: three real servers on the loopback, furnished with a story, in one folder."""

from __future__ import annotations

import atexit
import json
import os
import smtplib
from dataclasses import asdict, dataclass, field
from datetime import date
from email.message import EmailMessage
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

import httpx

from examples.trip_desk.calendar.settings import furnish as furnish_calendar
from examples.trip_desk.faults import Faults
from examples.trip_desk.letter import letter
from examples.trip_desk.listening import HOST
from examples.trip_desk.mail.maildir import PostOffice
from examples.trip_desk.octo.files import furnish as furnish_octo
from examples.trip_desk.server import Server
from examples.trip_desk.story import Person, Story, Wish, draw

SERVERS = ("octo", "mail", "calendar")


class WorldError(Exception):
    """The world is not there, or not this process's to change."""


@dataclass(frozen=True)
class Addresses:
    """Where the servers answer."""

    octo_url: str
    smtp_host: str
    smtp_port: int
    imap_host: str
    imap_port: int
    caldav_url: str
    calendar_url: str


@dataclass
class World:
    """What an agent needs to act here, and the hands that start, disturb and stop the servers."""

    folder: Path
    addresses: Addresses
    octo_token: str
    desk: Person
    traveller: Person
    wish: Wish
    wish_message_id: str
    product_ids: tuple[str, ...]
    _servers: dict[str, Server] = field(default_factory=dict, repr=False)

    @classmethod
    def create(cls, folder: Path | str, seed: int | None = None) -> World:
        """Draw a story, start its servers and deliver the traveller's letter, all in a folder of its own.

        Raises:
            WorldError: there is something in the folder.
            ServerError: a server did not start; the message shows the end of its log.
        """
        folder = _empty_folder(Path(folder))
        random = Random(seed)
        story = draw(random, date.today())
        servers = _servers(folder)
        _furnish(folder, story)
        try:
            _start(servers)
            world = cls._open(folder, story, letter(story, random), servers)
        except BaseException:
            _stop(servers)
            raise
        atexit.register(world.stop)
        return world

    @classmethod
    def attach(cls, folder: Path | str) -> World:
        """The world that another process has created in this folder; only that process can stop it."""
        file = Path(folder).resolve() / "world.json"
        if not file.exists():
            raise WorldError(f"there is no world in {folder}; World.create makes one")
        return cls(**_parse(json.loads(file.read_text())))

    def stop(self) -> None:
        """End the servers that this process started, and nothing else; what they wrote stays."""
        _stop(self._servers)
        atexit.unregister(self.stop)

    def restart_server(self, name: str) -> None:
        """End 'octo', 'mail' or 'calendar' and start it again, on the same ports and with what it had."""
        server = self._own(name)
        server.stop()
        server.start()
        server.wait_until_ready()

    def faults(self, name: str) -> Faults:
        """The faults of the server 'octo' or 'mail'; any process may arm them."""
        if name not in ("octo", "mail"):
            raise WorldError(f"no faults can be armed in {name!r}; only in 'octo' and 'mail'")
        return Faults(self.folder / name)

    def pids(self) -> dict[str, int]:
        """The processes that this World has started and not yet stopped."""
        return {name: each.process.pid for name, each in self._servers.items() if each.process}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @classmethod
    def _open(cls, folder: Path, story: Story, wish: EmailMessage, servers: dict[str, Server]) -> World:
        world = cls(
            folder=folder,
            addresses=_addresses(story, servers),
            octo_token=story.octo_token,
            desk=story.desk,
            traveller=story.traveller,
            wish=story.wish,
            wish_message_id=wish["Message-ID"],
            product_ids=tuple(product.id for product in story.products),
            _servers=servers,
        )
        _make_calendar(world)
        _post(world, wish)
        _write(world)
        return world

    def _own(self, name: str) -> Server:
        if name not in SERVERS:
            raise WorldError(f"no server named {name!r}; there are {list(SERVERS)}")
        if name not in self._servers:
            raise WorldError(f"the {name} server belongs to the process that created this world")
        return self._servers[name]


def _empty_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise WorldError(f"{folder} is not empty; a world wants a folder of its own")
    return folder.resolve()


def _servers(folder: Path) -> dict[str, Server]:
    def server(name: str, *ports: str) -> Server:
        return Server(name, f"examples.trip_desk.{name}", folder / name, ports)

    return {
        "octo": server("octo", "port"),
        "mail": server("mail", "smtp_port", "imap_port"),
        "calendar": server("calendar", "port"),
    }


def _furnish(folder: Path, story: Story) -> None:
    people = (story.desk, story.traveller)
    furnish_octo(folder / "octo", story.octo_token, story.products, story.departures)
    PostOffice.found(folder / "mail", {person.address: person.password for person in people})
    furnish_calendar(folder / "calendar", story.desk.address, story.desk.password)


def _start(servers: dict[str, Server]) -> None:
    for server in servers.values():
        server.start()
    for server in servers.values():
        server.wait_until_ready()


def _stop(servers: dict[str, Server]) -> None:
    for server in servers.values():
        server.terminate()
    for server in servers.values():
        server.stop()


def _addresses(story: Story, servers: dict[str, Server]) -> Addresses:
    caldav_url = f"http://{HOST}:{servers['calendar'].ports['port']}/"
    return Addresses(
        octo_url=f"http://{HOST}:{servers['octo'].ports['port']}",
        smtp_host=HOST,
        smtp_port=servers["mail"].ports["smtp_port"],
        imap_host=HOST,
        imap_port=servers["mail"].ports["imap_port"],
        caldav_url=caldav_url,
        calendar_url=f"{caldav_url}{story.desk.address}/trips/",
    )


def _make_calendar(world: World) -> None:
    login = (world.desk.address, world.desk.password)
    answer = httpx.request("MKCALENDAR", world.addresses.calendar_url, auth=login, trust_env=False)
    answer.raise_for_status()


def _post(world: World, mail: EmailMessage) -> None:
    where = world.addresses
    with smtplib.SMTP(where.smtp_host, where.smtp_port, local_hostname="localhost") as smtp:
        smtp.login(world.traveller.address, world.traveller.password)
        smtp.send_message(mail)


def _write(world: World) -> None:
    """Leave the note by which other processes find their way; it holds passwords, so only we may read it."""
    names = ("octo_token", "wish_message_id", "product_ids")
    parts = {name: asdict(getattr(world, name)) for name in ("addresses", "desk", "traveller", "wish")}
    note = {"folder": str(world.folder), **parts, **{name: getattr(world, name) for name in names}}
    file = world.folder / "world.json"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as writer:
        json.dump(note, writer, indent=2)


def _parse(note: dict[str, Any]) -> dict[str, Any]:
    return {
        **note,
        "folder": Path(note["folder"]),
        "addresses": Addresses(**note["addresses"]),
        "desk": Person(**note["desk"]),
        "traveller": Person(**note["traveller"]),
        "wish": Wish(**note["wish"]),
        "product_ids": tuple(note["product_ids"]),
    }
