"""The single checks of `agentkit doctor`. None of them changes anything."""

import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, Literal

from agentkit.agent import Agent
from agentkit.cli.words import clock, listed
from agentkit.errors import AgentkitError
from agentkit.journal.journal import Journal
from agentkit.journal.records import RunRecord
from agentkit.policy.engine import Policy
from agentkit.secrets import private_file
from agentkit.settings import FILE, Settings
from agentkit.toolbox import Toolbox

PYTHON: Final = (3, 11)
NEEDED: Final = ("cedarpy", "langchain", "langgraph", "pydantic", "rich", "sqlalchemy", "typer")
EXTRAS: Final = {
    "accounts": ("filelock", "httpx"),
    "booking": ("httpx",),
    "browser": ("playwright",),
    "calendar": ("caldav", "icalendar"),
    "email": ("httpx", "imap-tools"),
    "keyring": ("keyring",),
    "mcp": ("mcp",),
    "otlp": ("opentelemetry-exporter-otlp-proto-http",),
}
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
WRITTEN: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that is right says a time before this file was written."""
SKEW: Final = timedelta(minutes=2)


@dataclass(frozen=True)
class Check:
    """What was looked at, and what was found."""

    name: str
    state: Literal["ok", "note", "broken"]
    """`note`: something is missing that not everybody needs."""
    found: str
    remedy: str = ""


def python() -> Check:
    """Is Python new enough?"""
    found = f"Python {sys.version.split()[0]}"
    if sys.version_info < PYTHON:
        return Check("python", "broken", found, f"install Python {'.'.join(map(str, PYTHON))} or later")
    return Check("python", "ok", found)


def packages() -> Check:
    """Are the packages there that everything needs?"""
    have, missing = _versions(NEEDED)
    if missing:
        return Check("packages", "broken", f"missing: {listed(missing)}", "pip install agentkit-framework")
    return Check("packages", "ok", ", ".join(have))


def extras() -> Check:
    """Which extras are installed?"""
    have = [name for name, needed in EXTRAS.items() if not _versions(needed)[1]]
    missing = [name for name in EXTRAS if name not in have]
    if not missing:
        return Check("extras", "ok", ", ".join(have))
    found = f"{', '.join(have) or 'none'}; not installed: {', '.join(missing)}"
    return Check("extras", "note", found, f"if you need them: pip install 'agentkit-framework[{','.join(missing)}]'")


def settings(settings: Settings) -> Check:
    """Where do the settings come from?"""
    changed = [shown.name for shown in settings.explain() if shown.source != "default"]
    nothing = f"all defaults (no {FILE} here or above, nothing in AGENTKIT_*)"
    return Check("settings", "ok", f"set: {', '.join(changed)}" if changed else nothing)


def agent(agent: Agent) -> Check:
    """Which tools does the agent have, and do they declare what they are?"""
    silent = [tool.name for tool in agent.toolbox if not tool.declared]
    found = f"{agent.principal} with {listed(tool.name for tool in agent.toolbox)}"
    if silent:
        remedy = "without repeat=... and undo=... they count as Blind and Irreversible: declare them in @tool(...)"
        return Check("agent", "note", f"{found}; these declare nothing: {listed(silent)}", remedy)
    return Check("agent", "ok", found)


async def journal(settings: Settings) -> list[Check]:
    """Can the journal be read and written, and does the clock agree with it?"""
    file = settings.database_file
    if file is None:
        return [Check("journal", "note", "in memory: it ends with the process", "name one: journal = 'sqlite:///FILE'")]
    if not file.exists():
        return [_not_there_yet(file), time([])]
    try:
        opened = Journal.open(settings.journal, tenant=settings.tenant, create=False)
        try:
            await opened.store.write(lambda tx: None)
            runs = await opened.runs()
        finally:
            await opened.close()
    except AgentkitError as error:
        return [Check("journal", "broken", str(error), f"free {file}, or name another journal"), time([])]
    return [Check("journal", "ok", f"{settings.journal}: {len(runs)} runs, readable and writable"), time(runs)]


def _not_there_yet(file: Path) -> Check:
    folder = file.absolute().parent
    if folder.is_dir() and os.access(folder, os.W_OK):
        return Check("journal", "ok", f"{file} is not there yet: the first run makes it")
    why = "does not exist" if not folder.is_dir() else "cannot be written to"
    return Check("journal", "broken", f"the folder {folder} {why}", "make it, or name another journal")


def time(runs: Iterable[RunRecord]) -> Check:
    """Is the clock plausible? Holds, leases and expiries go by it."""
    now = datetime.now(UTC)
    latest = max([WRITTEN, *(run.updated_at for run in runs)])
    if now < latest - SKEW:
        remedy = "set the clock (timedatectl set-ntp true): holds, leases and expiries go by it"
        return Check("clock", "broken", f"{clock(now)} is before {clock(latest)}, which has passed", remedy)
    return Check("clock", "ok", clock(now))


def key(settings: Settings) -> Check:
    """Is the key for idempotency keys there, and is it private?"""
    file = settings.database_file
    try:
        if settings.key:
            return _long_enough(settings.resolve(settings.key).get_secret_value(), str(settings.key))
        if file is None:
            return Check("key", "ok", "one of this process, as the journal is in memory")
        beside = file.with_name(file.name + ".key")
        if not beside.exists():
            return Check("key", "ok", f"{beside} is not there yet: the first run makes it")
        return _long_enough(private_file(beside).strip(), str(beside))
    except AgentkitError as error:
        return Check("key", "broken", str(error), "do as the message says")


def _long_enough(secret: str, where: str) -> Check:
    if len(secret) < 16:
        return Check("key", "broken", f"{where} has only {len(secret)} characters", "use 16 or more, made at random")
    return Check("key", "ok", f"{where}, private")


def policy(settings: Settings, agent: Agent | None) -> Check:
    """Does the policy load?"""
    if agent is not None:
        return Check("policy", "ok", f"'{agent.policy.name}' fits the agent's tools")
    if settings.policy.endswith(".cedar"):
        if not Path(settings.policy).is_file():
            return Check("policy", "broken", f"there is no file {settings.policy}", "name one that exists")
        remedy = "agentkit doctor MODULE:NAME checks it against an agent's tools"
        return Check("policy", "note", f"{settings.policy} is there", remedy)
    try:
        return Check("policy", "ok", f"'{Policy.load(settings.policy, Toolbox([])).name}' loads")
    except AgentkitError as error:
        return Check("policy", "broken", str(error), "name one that exists: policy = 'supervised'")


def model(settings: Settings, agent: Agent | None) -> Check:
    """Who thinks?"""
    if agent is not None and agent.model is not None:
        return Check("model", "ok", agent.model.name)
    if settings.model:
        return Check("model", "ok", settings.model)
    remedy = "needed for goals, unless the program brings one: AGENTKIT_MODEL=provider:name"
    return Check("model", "note", "none in the settings", remedy)


def sandbox() -> Check:
    """How high are the walls?"""
    return Check("sandbox", "note", "not in this version: tools run with all rights of the process")


def browser() -> Check:
    """Is there a Chromium for browser tools?"""
    found = next(filter(None, map(shutil.which, BROWSERS)), None) or _of_playwright()
    if found:
        return Check("browser", "ok", f"{found}")
    return Check("browser", "note", "no Chromium found", "for browser tools: apt install chromium")


def _of_playwright() -> str | None:
    cache = os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or str(Path.home() / ".cache" / "ms-playwright")
    found = sorted(Path(cache).glob("chromium-*")) if Path(cache).is_dir() else []
    return str(found[-1]) if found else None


def _versions(names: Iterable[str]) -> tuple[list[str], list[str]]:
    have: list[str] = []
    missing: list[str] = []
    for name in names:
        try:
            have.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    return have, missing
