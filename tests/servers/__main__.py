"""Start one of the real servers that tests use, and keep it until Ctrl-C: `python -m tests.servers dovecot`."""

import argparse
import contextlib
import dataclasses
import importlib
import pkgutil
import signal
import sys
import tempfile
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import tests.servers


def main() -> None:
    """Start it, say where it is, and wait."""
    options = _options()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with _folder(options.folder) as folder, _module(options.name).running(folder) as server:
        print(f"{options.name} is running in {folder}; Ctrl-C ends it")
        for field in dataclasses.fields(server):
            if field.repr:
                print(f"  {field.name} = {getattr(server, field.name)}")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            stop.wait()


def _names() -> list[str]:
    return sorted(package.name for package in pkgutil.iter_modules(tests.servers.__path__) if package.ispkg)


def _module(name: str) -> Any:
    return importlib.import_module(f"tests.servers.{name}")


@contextlib.contextmanager
def _folder(given: Path | None) -> Generator[Path]:
    """The given folder, which stays; or one that goes with the server."""
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="agentkit-server-") as made:
        yield Path(made)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    parser.add_argument("name", choices=_names())
    parser.add_argument("--folder", type=Path, help="where it keeps its data; without it, a folder that is removed")
    return parser.parse_args()


if __name__ == "__main__":
    main()
