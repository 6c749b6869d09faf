"""A stack of small processes under the real supervisor: it starts in a second, and dies and is stopped as the large one."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from weir.cli.stack.layout import Layout, layout
from weir.cli.stack.ports import HOST, reserve
from weir.cli.stack.processes import Process
from weir.cli.stack.record import write_record
from weir.cli.stack.starting import endpoints_of, start_supervisor, wait_ready
from weir.cli.stack.stopping import stop_stack
from weir.cli.stack.supervisor import Supervisor

SERVICE = """
import http.server, json, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"ready": True, "stack": os.environ.get("WEIR_STACK_INSTANCE")}).encode()
        self.send_response(200); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"""
"""A process that answers as a service's readiness page does, in the standard library alone."""

READY_S = 20.0
"""Seconds that small processes may take; they take half of one."""


@contextmanager
def small_stack(
    home: Path, names: Sequence[str] = ("registry", "gateway"), ports: Mapping[str, int] | None = None
) -> Iterator[Layout]:
    """A running stack of small services; stopped at the end, whatever was done to it. ports: wishes by name."""
    place = layout(home)
    place.make()
    with reserve(ports or {}) as reservation:
        endpoints = endpoints_of(place, reservation.ports)
        (place.run / "service.py").write_text(SERVICE)
        table = [service(place, name, reservation.ports[name]) for name in names]
        write_record(place, endpoints)
        start_supervisor(place, table, endpoints.instance, reservation)
    try:
        for process in table:
            Supervisor(place).start(process.name)
        wait_ready(table, place, endpoints.instance, lambda _: None, time.monotonic() + READY_S)
        write_record(place, replace(endpoints, ready_seconds=1.0))
        yield place
    finally:
        stop_stack(home)


def service(place: Layout, name: str, port: int) -> Process:
    """A small service of that name."""
    command = (sys.executable, "-I", "-S", str(place.run / "service.py"), str(port))
    return Process(name, command, {}, f"http://{HOST}:{port}/readyz", is_service=True)
