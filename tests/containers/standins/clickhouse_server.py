"""The ClickHouse engine behind its HTTP interface, on every address, with users as the official image starts with them.

That image closes `default` to the network unless a user is configured; a stranger and a wrong password get code 516.
"""

from __future__ import annotations

import base64
import hashlib
import pathlib
import signal
import sys
import xml.etree.ElementTree as ElementTree
from http.server import ThreadingHTTPServer

sys.path.insert(0, "/standin-front")

import clickhouse_connect

from harness.store.clickhouse_front import Front

USERS = pathlib.Path("/etc/clickhouse-server/users.d")
DATA = "/var/lib/clickhouse"
PORT = 8123


class Door(Front):
    """The front, for those who show a user's password."""

    users: dict[str, str] = {}

    def do_POST(self) -> None:
        """A ping for everyone, the rest for users."""
        name, password = self._shown()
        digest = hashlib.sha256(password.encode()).hexdigest()
        if self.path.startswith("/ping") or (name in self.users and self.users[name] == digest):
            super().do_POST()
            return
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self._answer(403, f"Code: 516. DB::Exception: {name}: Authentication failed (AUTHENTICATION_FAILED)".encode())

    def _shown(self) -> tuple[str, str]:
        if self.headers.get("authorization", "").startswith("Basic "):
            name, _, password = base64.b64decode(self.headers["authorization"][6:]).decode().partition(":")
            return name, password
        return self.headers.get("x-clickhouse-user", "default"), self.headers.get("x-clickhouse-key", "")


def users() -> dict[str, str]:
    """SHA-256 of the password of each configured user."""
    found = {}
    for file in USERS.glob("*.xml"):
        for user in ElementTree.parse(file).getroot().find("users") or ():
            found[user.tag] = user.findtext("password_sha256_hex") or ""
    return found


def main() -> None:
    """Serve until stopped."""
    Door.users = users()
    Door.engine = clickhouse_connect.get_client(interface="chdb", path=DATA)
    server = ThreadingHTTPServer(("0.0.0.0", PORT), Door)
    server.daemon_threads = True
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the first process of a container ignores it otherwise
    server.serve_forever()


if __name__ == "__main__":
    main()
