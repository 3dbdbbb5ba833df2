"""Cyrus without installing it: Debian's packages, fetched once into a cache, and unpacked where a server needs them.

Installed the usual way it would put Dovecot off the machine; so nothing here asks for an installation, nor for root.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

WANTED = ("cyrus-imapd", "cyrus-caldav", "libsasl2-modules", "libsasl2-modules-db", "sasl2-bin")
"""`cyrus-caldav` holds the web server, which speaks JMAP, too."""
USED = ("cyrus-", "lib", "sasl2-bin")
"""Beginnings of the names that matter; a mail transport agent that comes along is left out."""
SLOWEST = 300.0


class Unavailable(Exception):
    """Cyrus cannot be had here; the message says why, and what would change that."""


@dataclass(frozen=True)
class Programs:
    """The unpacked packages."""

    root: Path

    def program(self, name: str) -> Path:
        """A daemon or tool of Cyrus."""
        return self.root / "usr/lib/cyrus/bin" / name

    @property
    def password_setter(self) -> Path:
        return self.root / "usr/sbin/saslpasswd2"

    @property
    def environment(self) -> Mapping[str, str]:
        """With the libraries and login methods of the packages; those that the system had already are its own."""
        folders = [*self.root.glob("lib/*-linux-gnu*"), *self.root.glob("usr/lib/*-linux-gnu*")]
        methods = [*self.root.glob("usr/lib/*-linux-gnu*/sasl2"), *Path("/usr/lib").glob("*-linux-gnu*/sasl2")]
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LD_LIBRARY_PATH": ":".join(map(str, folders)),
            "SASL_PATH": ":".join(map(str, methods)),
        }


def unpacked(root: Path) -> Programs:
    """Unpack Cyrus below this folder: under a second, and some seconds where it has to be fetched first.

    Raises:
        Unavailable: this is no Debian, or its packages cannot be reached.
    """
    for package in sorted(_fetched().glob("*.deb")):
        subprocess.run(["dpkg", "-x", package, root], check=True, capture_output=True)
    return Programs(root)


def cache() -> Path:
    """Where fetched packages stay; remove it to fetch newer ones."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return caches / "agentkit-test-servers" / f"cyrus-{_system()}"


def _system() -> str:
    """What fits one release of a system does not fit another."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return "unknown"
    return "-".join([release["ID"], release.get("VERSION_ID", "next"), platform.machine()])


def _fetched() -> Path:
    """All packages or none: a folder that is there is complete."""
    if not (place := cache()).exists():
        if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
            raise Unavailable("Cyrus is taken from Debian's packages, and this system has no apt-get")
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="fetching-", dir=place.parent) as folder:
            _fetch(Path(folder) / "packages")
            _publish(Path(folder) / "packages", place)
    return place


def _publish(packages: Path, place: Path) -> None:
    try:
        packages.rename(place)
    except OSError:
        if not place.exists():  # Otherwise somebody else was faster, and theirs are as good.
            raise


def _fetch(folder: Path) -> None:
    folder.mkdir()
    try:
        _apt(folder, "download", *_missing(folder))
    except Unavailable:
        if os.geteuid() != 0:
            raise
        _apt(folder, "update")  # A new container has no lists of packages, and an old one outdated ones.
        _apt(folder, "download", *_missing(folder))


def _missing(folder: Path) -> list[str]:
    """What an installation would bring that the system does not have, found by pretending to install."""
    said = _apt(folder, "install", "--simulate", "--no-install-recommends", *WANTED)
    names = re.findall(r"^Inst (\S+)", said, re.MULTILINE)
    # The C library belongs to the system's own loader, and would not work with another.
    return [name for name in names if name.startswith(USED) and name != "libc6"]


def _apt(folder: Path, *what: str) -> str:
    done = subprocess.run(
        ["apt-get", "--quiet", "--assume-yes", *what],
        cwd=folder,
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        timeout=SLOWEST,
    )
    if done.returncode != 0:
        reason = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise Unavailable(f"apt-get {what[0]} cannot have Cyrus ({reason}); try first: sudo apt-get update")
    return done.stdout
