"""The folder of the calendar server: Radicale's settings and its one account."""

from __future__ import annotations

from pathlib import Path

SETTINGS = """\
[auth]
type = htpasswd
htpasswd_filename = {folder}/users
htpasswd_encryption = plain
delay = 0

[rights]
type = owner_only

[storage]
filesystem_folder = {folder}/collections

[web]
type = none

[logging]
level = warning
"""


def furnish(folder: Path, login: str, password: str) -> None:
    """Make the folder a server can be started in."""
    folder.mkdir(parents=True)
    (folder / "users").write_text(f"{login}:{password}\n")
    settings_in(folder).write_text(SETTINGS.format(folder=folder))


def settings_in(folder: Path) -> Path:
    return folder / "settings"
