"""A tiny shop: a real HTTP server of its own process over SQLite, which can be slow in two ways.

`POST /orders` with an `Idempotency-Key` makes one order per key; `?key=no` takes no notice of it. An order has a row
version. What is put into the queue (`?later=0.4`) becomes an order by itself after so many seconds.
"""

import json
import sqlite3
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SCHEMA = """
create table orders (id text primary key, n int, title text, note text, version int, status text, paid text);
create table answers (key text primary key, answer text);
create table looks (number integer primary key);
"""
LOCK = threading.RLock()


class Shop:
    """The rows, behind one lock."""

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.executescript(SCHEMA)
        self.made = 0

    def rows(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self.db.execute("select * from orders order by id")]

    def row(self, id: str) -> dict[str, Any] | None:
        found = self.db.execute("select * from orders where id = ?", [id]).fetchone()
        return dict(found) if found else None

    def order(self, body: dict[str, Any], key: str | None) -> dict[str, Any]:
        known = key and self.db.execute("select answer from answers where key = ?", [key]).fetchone()
        if known:
            return json.loads(known[0])
        self.made += 1
        id = body.get("id") or f"o-{self.made:05}"
        values = [id, body["n"], body["title"], body.get("note", ""), 1, "open", "0"]
        self.db.execute("insert into orders values (?, ?, ?, ?, ?, ?, ?)", values)
        row = self.row(id)
        assert row
        if key:
            self.db.execute("insert into answers values (?, ?)", [key, json.dumps(row)])
        return row

    def change(self, id: str, body: dict[str, Any], version: int | None) -> tuple[int, Any]:
        row = self.row(id)
        if row is None:
            return 404, {"error": "no such order"}
        if version is not None and row["version"] != version:
            return 412, {"error": "changed meanwhile", "row": row}
        row |= {"version": row["version"] + 1} | body
        columns = ", ".join(f"{name} = ?" for name in row)
        self.db.execute(f"update orders set {columns} where id = ?", [*row.values(), id])
        return 200, row

    def delete(self, id: str, version: int | None) -> tuple[int, Any]:
        row = self.row(id)
        if row is None:
            return 404, {"error": "no such order"}
        if version is not None and row["version"] != version:
            return 412, {"error": "changed meanwhile"}
        self.db.execute("delete from orders where id = ?", [id])
        return 200, {}


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Its clients die in the middle of a word: nobody needs to read that."""


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    shop: Shop

    def do_GET(self) -> None:
        with LOCK:
            _, *path = urlsplit(self.path).path.split("/")
            if len(path) == 1:
                return self._say(200, self.shop.rows())
            row = self.shop.row(path[1])
            self._say(200 if row else 404, row or {})

    def do_POST(self) -> None:
        body = self._body()
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if "slow" in asked:
            time.sleep(float(asked["slow"]))
        if "look" in asked:
            with LOCK:
                self.shop.db.execute("insert into looks default values")
        if "later" in asked:
            threading.Timer(float(asked["later"]), self._order_later, [body]).start()
            return self._say(202, {})
        with LOCK:
            key = None if asked.get("key") == "no" else self.headers.get("Idempotency-Key")
            self._say(200, self.shop.order(body, key))

    def do_PUT(self) -> None:
        body = self._body()
        with LOCK:
            _, _, id = urlsplit(self.path).path.split("/")
            if self.headers.get("If-None-Match") == "*" and self.shop.row(id):
                return self._say(412, {"error": "there already", "row": self.shop.row(id)})
            if self.shop.row(id) is None:
                return self._say(200, self.shop.order({**body, "id": id}, None))
            self._say(*self.shop.change(id, body, self._version()))

    def do_DELETE(self) -> None:
        with LOCK:
            _, _, id = urlsplit(self.path).path.split("/")
            self._say(*self.shop.delete(id, self._version()))

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""

    def _order_later(self, body: dict[str, Any]) -> None:
        with LOCK:
            if not self.shop.row(body["id"]):
                self.shop.order(body, None)

    def _version(self) -> int | None:
        given = self.headers.get("If-Match")
        return int(given) if given else None

    def _body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _say(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def main() -> None:
    Door.shop = Shop()
    server = Server(("127.0.0.1", 0), Door)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
