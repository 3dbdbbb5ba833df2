"""pretix in an environment of its own, with a stocked database: built once, then copied for every start."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
REQUIREMENTS = ROOT / "requirements" / "pretix.txt"
SEED = HERE / "seed.py"

CONFIGURATION = """\
[pretix]
instance_name=agentkit tests
url={url}
datadir={data}
trust_x_forwarded_for=off
[database]
backend=sqlite3
[mail]
from=tickets@example.test
host=127.0.0.1
port=9
[django]
debug=off
secret=only-for-tests-on-the-loopback
[locale]
default=en
timezone=UTC
"""


@dataclass(frozen=True)
class Installation:
    """A pretix that can be started; nobody writes into `data` any more."""

    folder: Path

    @property
    def python(self) -> Path:
        """The interpreter that has pretix."""
        return self.folder / "venv" / "bin" / "python"

    @property
    def data(self) -> Path:
        """The stocked data folder, to be copied."""
        return self.folder / "data"

    @property
    def note(self) -> dict[str, Any]:
        """What `seed.py` noted down."""
        return json.loads((self.folder / "note.json").read_text())


def installed() -> Installation:
    """The installation of this version and this seed; the first time, it is built, which takes about a minute."""
    cache = ROOT / ".cache"
    cache.mkdir(exist_ok=True)
    (cache / ".gitignore").write_text("*\n")
    place = cache / f"pretix-{_version()}-{_fingerprint()}"
    with _alone(cache / f"{place.name}.lock"):
        if not (place / "note.json").exists():
            _build(place)
    return Installation(place)


def _build(place: Path) -> None:
    """The note comes last: without it, what is there is incomplete and is made again."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    with _step(f"installing pretix {_version()} into {place} (once, some 600 MB)"):
        venv.create(place / "venv", with_pip=True)
        pip = (place / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        _run(place, *pip, "--require-hashes", "-r", REQUIREMENTS)
    with _step("making its database"):
        configure(place / "pretix.cfg", place / "data", "http://127.0.0.1")
        _run(place, place / "venv" / "bin" / "python", SEED, place / "draft.json")
    (place / "draft.json").rename(place / "note.json")


def configure(file: Path, data: Path, url: str) -> None:
    """Write the configuration of a pretix with this data folder."""
    data.mkdir(exist_ok=True)
    file.write_text(CONFIGURATION.format(url=url, data=data))


def environment(configuration: Path) -> dict[str, str]:
    """What a pretix process needs to know."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DJANGO", "PRETIX"))}
    return {**kept, "PRETIX_CONFIG_FILE": str(configuration), "PYTHONWARNINGS": "ignore"}


def _run(place: Path, *command: str | Path) -> None:
    known = environment(place / "pretix.cfg")
    ended = subprocess.run([*map(str, command)], env=known, cwd=place, capture_output=True, text=True)
    if ended.returncode:
        raise RuntimeError(f"{command[0]} ended with {ended.returncode}:\n{ended.stdout[-2000:]}{ended.stderr[-4000:]}")


@contextmanager
def _alone(lock: Path) -> Generator[None]:
    """Only one process of this machine builds; the others wait for it."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _step(what: str) -> Generator[None]:
    """Say what takes so long, on the real screen: pytest keeps what a test prints."""
    began = time.monotonic()
    print(f"tests.servers.pretix: {what} ...", file=sys.__stderr__, flush=True)
    yield
    print(f"tests.servers.pretix: ... {time.monotonic() - began:.0f} s", file=sys.__stderr__, flush=True)


def _version() -> str:
    pins = REQUIREMENTS.read_text().splitlines()
    return next(line.removeprefix("pretix==").split()[0] for line in pins if line.startswith("pretix=="))


def _fingerprint() -> str:
    """Changes with the pins, the seed, and the Python that runs them."""
    parts = (REQUIREMENTS.read_bytes(), SEED.read_bytes(), CONFIGURATION.encode(), sys.version.encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]
