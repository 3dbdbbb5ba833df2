"""The folder of the booking server: a ledger and the token that opens it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from examples.trip_desk.octo.ledger import Ledger
from examples.trip_desk.octo.product import Departure, Product
from examples.trip_desk.octo.sql import create


def furnish(folder: Path, token: str, products: Iterable[Product], departures: Iterable[Departure]) -> Ledger:
    """Make the folder a server can be started in."""
    folder.mkdir(parents=True)
    (folder / "token").write_text(token)
    ledger = ledger_in(folder)
    create(ledger.file)
    ledger.stock(products, departures)
    return ledger


def ledger_in(folder: Path) -> Ledger:
    return Ledger(folder / "ledger.sqlite")


def token_in(folder: Path) -> str:
    return (folder / "token").read_text()
