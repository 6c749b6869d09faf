"""A service's own pages on a port of their own, served from a thread: for clients that are not asynchronous."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from starlette.routing import BaseRoute

from harness.http.boundary_client import TOKEN
from harness.stack.service_process import free_port, status_of
from harness.waiting import PATIENCE_S, eventually
from weir.runtime.http.policy import Policy
from weir.runtime.http.server import application, serve


@contextmanager
def pages(routes: Sequence[BaseRoute], host: str = "127.0.0.1") -> Iterator[str]:
    """URL of the pages, for the length of the block. host: what they are bound to; in a container it is 0.0.0.0."""
    port, loop, stop = free_port(), asyncio.new_event_loop(), asyncio.Event()
    app = application(dict, Policy(host=host, port=port, token=TOKEN), routes)
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve(app, stop)))
    thread.start()
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: status_of(f"{url}/healthz") == 200, within_s=PATIENCE_S, what="the pages")
        yield url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
