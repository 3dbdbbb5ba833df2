"""pretix, a real ticket shop, on the loopback: `running(folder)` starts one with things on sale."""

import json
import shutil
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from examples.trip_desk.listening import HOST, listen, port_of
from tests.servers.pretix.books import Books
from tests.servers.pretix.install import Installation, configure, environment, installed

PATIENCE = 60.0
AHEAD = {"roomy": timedelta(days=30), "small": timedelta(days=31), "soon": timedelta(hours=3)}


@dataclass(frozen=True)
class Pretix:
    """A running shop. The dates of the series are `roomy`, `small` (three places) and `soon` (too late to cancel)."""

    url: str
    organizer: str
    token: str
    series: str
    """An event with many dates."""
    walk: str
    """Its product, at 25.00 EUR."""
    dates: dict[str, str]
    event: str
    """An event with a single date."""
    seat: str
    """Its product."""
    options: dict[str, str]
    """Its options: `Member` at 80.00 EUR and `Guest` at 95.50 EUR."""
    folder: Path
    books: Books = field(repr=False)
    """What is in the database, and what can be changed there."""

    def staff(self, method: str, path: str, body: Any) -> Any:
        """What the shop's own people do over its API, below their organizer; the answer as JSON."""
        return _asked(f"{self.url}/api/v1/organizers/{self.organizer}/{path}", self.token, method, body)


@contextmanager
def running(folder: Path) -> Generator[Pretix]:
    """Start the shop in this folder; the first start on a machine installs it, which takes about a minute."""
    installation, note = installed(), installed().note
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(installation.data, folder / "data", dirs_exist_ok=True)
    file = folder / "data" / "db.sqlite3"
    _set_the_dates(file, note["dates"])
    with _serving(installation, folder) as url:
        _wait_until_it_answers(url, note["token"], folder / "server.log")
        yield Pretix(url=url, folder=folder, books=Books(file), **note)


def _set_the_dates(file: Path, dates: dict[str, str]) -> None:
    """From now, since the database was stocked at another time."""
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE pretixbase_event SET date_from = ?", (str(now + timedelta(days=30)),))
        for name, key in dates.items():
            starts = now + AHEAD[name]
            times = (str(starts), str(starts + timedelta(hours=2)), key)
            database.execute("UPDATE pretixbase_subevent SET date_from = ?, date_to = ? WHERE id = ?", times)


@contextmanager
def _serving(installation: Installation, folder: Path) -> Generator[str]:
    listener = listen()
    url = f"http://{HOST}:{port_of(listener)}"
    configure(folder / "pretix.cfg", folder / "data", url)
    gunicorn: list[Any] = [installation.python, "-m", "gunicorn", "pretix.wsgi", f"--bind=fd://{listener.fileno()}"]
    settings = ["--workers=1", "--threads=6", "--timeout=120", f"--worker-tmp-dir={folder}", "--graceful-timeout=2"]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [*map(str, gunicorn), *settings],
            cwd=folder,
            env=environment(folder / "pretix.cfg"),
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    listener.close()
    try:
        yield url
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Politely first."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_it_answers(url: str, token: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            _asked(f"{url}/api/v1/organizers/", token)
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            if time.monotonic() > deadline:
                raise RuntimeError(f"pretix does not answer: {error}\n{log.read_text()[-3000:]}") from error
            time.sleep(0.1)
        else:
            return


def _asked(url: str, token: str, method: str = "GET", body: Any = None) -> Any:
    """Without any proxy between."""
    headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, data, headers, method=method)
    with direct.open(request, timeout=PATIENCE) as answer:
        return json.load(answer)
