"""A shop with an HTTP door that keeps its promises, or breaks the ones it is told to break."""

import argparse
import json
import os
import random
import re
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit
from zlib import crc32

from examples.trip_desk.listening import HOST, announce

TABLES = """
CREATE TABLE IF NOT EXISTS orders (
    number TEXT PRIMARY KEY, ref TEXT, what TEXT, amount INTEGER, status TEXT, fee TEXT, lands REAL);
CREATE TABLE IF NOT EXISTS things (
    name TEXT PRIMARY KEY, title TEXT, text TEXT, colour TEXT, tags TEXT,
    stock INTEGER DEFAULT 0, views INTEGER DEFAULT 0, revision INTEGER DEFAULT 0, etag TEXT, second INTEGER);
CREATE TABLE IF NOT EXISTS keys (id INTEGER PRIMARY KEY, key TEXT, answer TEXT, at REAL);
"""
CONTENT = ("title", "text", "colour", "tags")
"""What people write into a thing; the other fields count by themselves."""


@dataclass(frozen=True)
class Switches:
    """How this shop behaves. The defaults are an honest one."""

    dedupe: Literal["key", "payload", "bucket"] = "key"
    """What two requests have in common to be one: the key, the body without its reference, or 6 bits of the key."""
    remembers: int = 0
    """After how many other keys one is forgotten; 0: never."""
    forgets_after: float = 0.0
    """After how many seconds a key is forgotten; 0: never."""
    forgets_every: int = 0
    """Every so many-th replay is not recognised."""
    race: float = 0.0
    """Seconds between looking a key up and writing it, in which a second request slips through."""
    replay_status: str = ""
    """What a replay says in place of the first answer's status."""
    replay_conflicts: bool = False
    """A replay is answered by 409 in place of the first answer."""
    slow: float = 0.0
    """Seconds before each request is worked on."""
    lands_after: float = 0.0
    """Seconds until an order that was answered for is there."""
    busy_every: int = 0
    """Every so many-th write is answered by 409, and nothing is done."""
    fails_every: int = 0
    """Every so many-th write is answered by 500, and nothing is done."""
    breaks_after: int = 0
    """One order in so many (by what is ordered) is taken and then answered by 500."""
    stalls_after: int = 0
    """One order in so many is taken and then answered too late."""
    garbles: int = 0
    """One order in so many is taken and then answered by half a document."""
    shuffled: bool = False
    """Lists come in another order each time."""
    fee: str = "3.00"
    """What a cancellation costs, as it is quoted."""
    surcharge: str = "0.00"
    """What it costs on top of that, unsaid."""
    surcharge_one_in: int = 1
    """One cancellation in so many (by what was ordered) pays the surcharge."""


def rarely(text: str, one_in: int = 50) -> bool:
    """Whether this text is one of the few: always the same answer for the same text."""
    return one_in > 0 and crc32(b"once in a while: " + text.encode()) % one_in == 0


def connect(folder: Path) -> sqlite3.Connection:
    """The shop's books. Whoever has the folder can look into them, and change them, without passing the door."""
    books = sqlite3.connect(folder / "shop.db", isolation_level=None, check_same_thread=False, timeout=10)
    books.row_factory = sqlite3.Row
    books.execute("PRAGMA journal_mode=WAL")
    books.execute("PRAGMA synchronous=OFF")
    books.executescript(TABLES)
    return books


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: Any
    body: dict[str, Any]


Answer = tuple[int, Any]


class Shop:
    """The books, and one method for each thing that can be asked for."""

    def __init__(self, folder: Path, switches: Switches) -> None:
        self.books = connect(folder)
        self.switches = switches
        self.lock = threading.RLock()
        self.writes = 0
        self.replays = 0

    def answer(self, request: Request) -> Answer:
        time.sleep(self.switches.slow)
        if request.method != "GET" and (trouble := self._trouble()):
            return trouble
        for method, pattern, work in self._doors():
            if request.method == method and (match := re.fullmatch(pattern, request.path)):
                return work(self, request, *match.groups())
        return 404, {"error": "no such door"}

    def _doors(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        return [
            ("POST", "/orders", Shop.take_order),
            ("GET", "/orders", Shop.list_orders),
            ("POST", "/orders/([^/]+)/place", Shop.place),
            ("POST", "/orders/([^/]+)/cancel", Shop.cancel),
            ("GET", "/orders/([^/]+)/fee", Shop.price_of_cancelling),
            ("GET", "/things", Shop.list_things),
            ("GET", "/things/([^/]+)", Shop.show),
            ("PUT", "/things/([^/]+)", Shop.write),
            ("POST", "/things/([^/]+)/stock", Shop.add_stock),
        ]

    def _trouble(self) -> Answer | None:
        with self.lock:
            self.writes += 1
            if self.switches.busy_every and self.writes % self.switches.busy_every == 0:
                return 409, {"error": "busy, nothing was done"}
            if self.switches.fails_every and self.writes % self.switches.fails_every == 0:
                return 500, {"error": "out of order"}
        return None

    # Orders --------------------------------------------------------------------------------------------------------

    def take_order(self, request: Request) -> Answer:
        key = self._key(request)
        if self.switches.race:
            known = self._known(key)
            time.sleep(self.switches.race)
            with self.lock:
                return self._replay(known) if known else self._new_order(key, request.body)
        with self.lock:
            known = self._known(key)
            return self._replay(known) if known else self._new_order(key, request.body)

    def _key(self, request: Request) -> str:
        key = request.headers.get("Idempotency-Key", "")
        if self.switches.dedupe == "payload":
            return json.dumps({**request.body, "ref": ""}, sort_keys=True)
        if self.switches.dedupe == "bucket" and key:
            return str(crc32(key.encode()) % 64)
        return key

    def _known(self, key: str) -> dict[str, Any] | None:
        found = self.books.execute("SELECT * FROM keys WHERE key = ? ORDER BY id DESC", [key]).fetchone()
        if not key or not found:
            return None
        (younger,) = self.books.execute("SELECT count(*) FROM keys WHERE id > ?", [found["id"]]).fetchone()
        if self.switches.remembers and younger >= self.switches.remembers:
            return None
        if self.switches.forgets_after and time.time() - found["at"] > self.switches.forgets_after:
            return None
        self.replays += 1
        if self.switches.forgets_every and self.replays % self.switches.forgets_every == 0:
            return None
        return json.loads(found["answer"])

    def _replay(self, known: dict[str, Any]) -> Answer:
        if self.switches.replay_conflicts:
            return 409, {"error": "there is such an order"}
        return 201, {**known, "status": self.switches.replay_status or known["status"]}

    def _new_order(self, key: str, body: dict[str, Any]) -> Answer:
        (taken,) = self.books.execute("SELECT count(*) FROM orders").fetchone()
        order = {
            "number": f"o-{taken + 1}",
            "ref": body["ref"],
            "what": body["what"],
            "amount": body["amount"],
            "status": "draft" if body.get("draft") else "placed",
        }
        self.books.execute("BEGIN IMMEDIATE")
        self.books.execute(
            "INSERT INTO orders VALUES (:number, :ref, :what, :amount, :status, '0.00', :lands)",
            {**order, "lands": time.time() + self.switches.lands_after},
        )
        self.books.execute("INSERT INTO keys (key, answer, at) VALUES (?, ?, ?)", [key, json.dumps(order), time.time()])
        self.books.execute("COMMIT")
        return self._spoken(order)

    def _spoken(self, order: dict[str, Any]) -> Answer:
        if rarely(order["what"], self.switches.breaks_after):
            return 500, {"error": "something broke"}
        if rarely(order["what"], self.switches.stalls_after):
            time.sleep(0.5)
        if rarely(order["what"], self.switches.garbles):
            return 201, '{"number": "o-'
        return 201, order

    def list_orders(self, request: Request) -> Answer:
        orders = [dict(row) for row in self.books.execute("SELECT * FROM orders WHERE lands <= ?", [time.time()])]
        orders = [order for order in orders if all(str(order[k]) == v for k, v in request.query.items())]
        if self.switches.shuffled:
            random.shuffle(orders)
        return 200, orders

    def place(self, request: Request, ref: str) -> Answer:
        """Of all drafts with this reference one is placed, once."""
        with self.lock:
            of_ours = self.books.execute("SELECT * FROM orders WHERE ref = ? ORDER BY rowid", [ref]).fetchall()
            if not of_ours:
                return 404, {"error": "no such order"}
            placed = next((order for order in of_ours if order["status"] != "draft"), of_ours[0])
            if placed["status"] == "draft":
                self.books.execute("UPDATE orders SET status = 'placed' WHERE number = ?", [placed["number"]])
            return 200, dict(placed) | {"status": "placed"}

    def cancel(self, request: Request, ref: str) -> Answer:
        with self.lock:
            found = self._order(ref)
            if not found:
                return 404, {"error": "no such order"}
            if found["status"] != "cancelled":
                surcharge = rarely(found["what"], self.switches.surcharge_one_in)
                fee = Decimal(self.switches.fee) + (Decimal(self.switches.surcharge) if surcharge else 0)
                if Decimal(request.body.get("at_most") or "1000") < Decimal(self.switches.fee):
                    return 409, {"error": "it costs more than that"}
                self.books.execute("UPDATE orders SET status = 'cancelled', fee = ? WHERE ref = ?", [str(fee), ref])
            return 200, dict(found) | {"status": "cancelled"}

    def price_of_cancelling(self, request: Request, ref: str) -> Answer:
        return 200, {"fee": self.switches.fee}

    def _order(self, ref: str) -> sqlite3.Row | None:
        return self.books.execute("SELECT * FROM orders WHERE ref = ?", [ref]).fetchone()

    # Things --------------------------------------------------------------------------------------------------------

    def list_things(self, request: Request) -> Answer:
        things = [spoken(row) for row in self.books.execute("SELECT * FROM things ORDER BY name")]
        if self.switches.shuffled:
            random.shuffle(things)
        return 200, things

    def show(self, request: Request, name: str) -> Answer:
        with self.lock:
            if "count" in request.query:
                self.books.execute("UPDATE things SET views = views + 1 WHERE name = ?", [name])
            if "create" in request.query:
                self.books.execute("INSERT OR IGNORE INTO things (name, tags, etag) VALUES (?, '[]', 'new')", [name])
            found = self._thing(name)
        return (200, spoken(found)) if found else (404, {"error": "no such thing"})

    def write(self, request: Request, name: str) -> Answer:
        """Write some fields, where `If-Match` and `If-Second` (a weak guard) allow it."""
        with self.lock:
            found = self._thing(name)
            if not found:
                return 404, {"error": "no such thing"}
            match, second = request.headers.get("If-Match"), request.headers.get("If-Second")
            if (match and match != found["etag"]) or (second and int(second) != found["second"]):
                return 412, spoken(found)
            new = dict(found) | {k: v for k, v in request.body.items() if k in CONTENT} | self._stamps(found, request)
            new["tags"] = new["tags"] if isinstance(new["tags"], str) else json.dumps(new["tags"])
            fields = ", ".join(f"{field} = :{field}" for field in new)
            self.books.execute(f"UPDATE things SET {fields} WHERE name = :name", new)
            return 200, spoken(self._thing(name))

    def _stamps(self, found: sqlite3.Row, request: Request) -> dict[str, Any]:
        bumped = found["revision"] + (1 if request.body.get("bump") else 0)
        return {"etag": request.body["etag"], "second": int(time.time()), "revision": bumped}

    def add_stock(self, request: Request, name: str) -> Answer:
        with self.lock:
            self.books.execute("UPDATE things SET stock = stock + ? WHERE name = ?", [request.body["by"], name])
            found = self._thing(name)
        return (200, spoken(found)) if found else (404, {"error": "no such thing"})

    def _thing(self, name: str) -> Any:
        return self.books.execute("SELECT * FROM things WHERE name = ?", [name]).fetchone()


def spoken(thing: sqlite3.Row) -> dict[str, Any]:
    """A thing as JSON."""
    return dict(thing) | {"tags": json.loads(thing["tags"])}


class Door(BaseHTTPRequestHandler):
    """Reads a request whole, works on it whether or not somebody still listens, and answers in one write."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    shop: Shop

    def handle_any(self) -> None:
        url = urlsplit(self.path)
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        body = json.loads(content) if content else {}
        status, answer = self.shop.answer(Request(self.command, unquote(url.path), query, self.headers, body))
        written = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)

    do_GET = do_POST = do_PUT = handle_any

    def log_message(self, format: str, *args: Any) -> None:
        """Only what goes wrong is worth a line."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--http", type=int, default=0)
    options = parser.parse_args()
    switches = Switches(**json.loads((options.folder / "switches.json").read_text()))
    Door.shop = Shop(options.folder, switches)
    server = ThreadingHTTPServer((HOST, options.http), Door)
    announce(options.folder, {"http": server.server_address[1]})
    server.serve_forever()


def order_to(folder: Path, switches: Switches) -> None:
    """Leave the switches where a shop in that folder reads them."""
    (folder / "switches.json").write_text(json.dumps(asdict(switches)))


if __name__ == "__main__":
    os.umask(0o077)
    main()
