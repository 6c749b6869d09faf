"""The real ClickHouse engine (chDB) behind ClickHouse's HTTP interface, in a process of its own: a server to take away.

Only what `clickhouse-connect` sends is served: queries, commands and inserts, with settings and bound parameters. Run as
`python tests/harness/store/clickhouse_front.py PORT FOLDER`; kill it, stop it, or put a proxy before it.
"""

from __future__ import annotations

import ast
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

FORMAT = re.compile(r"\s+FORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
INSERT = re.compile(r"^\s*INSERT\s+INTO\s+(\S+)(?:\s*\([^)]*\))?\s+FORMAT\s+(\w+)\s*$", re.IGNORECASE)
TRANSPORT = {
    "query",
    "database",
    "session_id",
    "wait_end_of_query",
    "client_protocol_version",
    "compress",
    "decompress",
    "readonly",  # its handle is shared by all requests, and read-only is for ever
}
"""Arguments of the HTTP interface that are no settings of a query."""


class Front(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    engine: Any
    hand = threading.Lock()

    def do_GET(self) -> None:
        """A ping or a query."""
        self.do_POST()

    def do_POST(self) -> None:
        """A query, a command or an insert."""
        place = urlsplit(self.path)
        given = dict(parse_qsl(place.query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if place.path == "/ping":
            self._answer(200, b"Ok.\n")
            return
        settings = {
            name: value for name, value in given.items() if name not in TRANSPORT and not name.startswith("param_")
        }
        try:
            with self.hand:
                answer = self._done(given, body, settings)
        except ClickHouseError as error:
            self._answer(500, str(error).encode())
        else:
            self._answer(200, answer)

    def _done(self, given: dict[str, str], body: bytes, settings: dict[str, str]) -> bytes:
        head, _, data = (given["query"].encode() + b"\n" + body if given.get("query") else body).partition(b"\n")
        if (insert := INSERT.match(head.decode("utf-8", "replace"))) is not None:
            self.engine.raw_insert(insert[1], insert_block=data, fmt=insert[2], settings=settings)
            return b""
        sql = given.get("query", "") + body.decode()
        parameters = {name[6:]: _plain(value) for name, value in given.items() if name.startswith("param_")}
        found = FORMAT.search(sql)
        if found is None and not sql.lstrip().upper().startswith(("SELECT", "WITH", "SHOW", "EXISTS", "EXPLAIN")):
            self.engine.command(sql, parameters=parameters, settings=settings)
            return b""
        bare = sql[: found.start()] if found else sql
        fmt = found[1] if found else "TabSeparated"
        return bytes(self.engine.raw_query(bare, parameters=parameters, fmt=fmt, settings=settings))

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        if status != 200:
            code = re.search(rb"[Cc]ode:? (\d+)", body)
            self.send_header("x-clickhouse-exception-code", code[1].decode() if code else "1001")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # the name is the standard library's
        """Nothing: statements are not for logs."""


def _plain(value: str) -> str | list[str]:
    """A bound text, or array of texts, without the escapes of the HTTP interface; the engine's own binding escapes it again."""
    text = value.replace("\\'", "'").replace("\\\\", "\\")
    return list(ast.literal_eval(text)) if text.startswith("[") else text


def main() -> None:
    """Serve until killed."""
    port, folder = int(sys.argv[1]), sys.argv[2]
    Front.engine = clickhouse_connect.get_client(interface="chdb", path=folder)
    server = ThreadingHTTPServer(("127.0.0.1", port), Front)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
