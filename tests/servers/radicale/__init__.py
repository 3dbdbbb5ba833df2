"""Radicale, a CalDAV server, with one account and one calendar, behind a wire that can lose what it carries."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from examples.trip_desk.calendar.settings import furnish
from examples.trip_desk.server import Server
from tests.servers.radicale.wire import HOST, Wire


@dataclass(frozen=True)
class Radicale:
    """Where it is, who may log in, and how an outsider sees and changes what lies in it."""

    calendar_url: str
    username: str
    password: str
    direct_url: str = field(repr=False)
    """Of the calendar, past the wire."""
    folder: Path = field(repr=False)
    wire: Wire = field(repr=False)

    def objects(self) -> dict[str, str]:
        """What lies on the server's disk: each object's name and text."""
        calendars = self.folder / "collections" / "collection-root" / self.username / "work"
        return {file.name: file.read_bytes().decode() for file in sorted(calendars.glob("*.ics"))}

    def text(self, url: str) -> str:
        """What lies at one URL.

        Raises:
            KeyError: nothing.
        """
        return self.objects()[_name(url)]

    def put(self, name: str, text: str) -> str:
        """Somebody stores an object; returns its URL as a client of the wire sees it."""
        self._request("PUT", name, text)
        return f"{self.calendar_url}{name}"

    def edit(self, url: str, old: str, new: str) -> None:
        """Somebody changes an object by hand."""
        text = self.text(url)
        assert old in text
        self._request("PUT", _name(url), text.replace(old, new))

    def remove(self, url: str) -> None:
        """Somebody deletes an object."""
        self._request("DELETE", _name(url))

    def clear(self) -> None:
        """Delete everything."""
        for name in self.objects():
            self._request("DELETE", name)

    def _request(self, method: str, name: str, text: str = "") -> None:
        login = (self.username, self.password)
        response = httpx.request(method, f"{self.direct_url}{name}", content=text, auth=login, trust_env=False)
        response.raise_for_status()


@contextmanager
def running(folder: Path) -> Generator[Radicale]:
    """Start it with an empty calendar; it ends with the block."""
    username, password = "ann@example.org", "test-password"
    home = folder / "radicale"
    furnish(home, username, password)
    server = Server("calendar", "examples.trip_desk.calendar", home, ("port",))
    server.start()
    try:
        server.wait_until_ready()
        port = server.ports["port"]
        with Wire(port) as wire:
            direct, wired = (f"http://{HOST}:{each}/{username}/work/" for each in (port, wire.port))
            login = (username, password)
            httpx.request("MKCALENDAR", direct, auth=login, trust_env=False).raise_for_status()
            yield Radicale(wired, username, password, direct, home, wire)
    finally:
        server.stop()


def _name(url: str) -> str:
    return unquote(urlsplit(url).path).rpartition("/")[2]
