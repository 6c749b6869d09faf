"""The SQL endpoint over a real socket in the test's process: the real engine, the real listener, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from harness.http.boundary_client import TOKEN
from harness.samples.builders import NOON_US, completed
from harness.stack.service_process import free_port
from harness.store.lineage_store import opened, put_into
from harness.waiting import PATIENCE_S, eventually
from weir.lineage.read.operator_sql import OperatorSql
from weir.lineage.read.sql_http import sql_listener
from weir.lineage.settings import LineageSettings
from weir.runtime.http.policy import Policy
from weir.runtime.http.server import serve

ROWS_MAX = 50
"""Rows of an answer of the filled endpoint."""

CALLS = 12
"""Calls that its store holds, of two routes."""


@dataclass(frozen=True, slots=True)
class SqlAddress:
    """Where it listens."""

    port: int
    folder: str
    """Folder of its store."""

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, query: str, arguments: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """One raw request with the token, the statement in its body. arguments: those of the URL."""
        given = {"x-clickhouse-key": TOKEN, **(headers or {})}
        return httpx2.post(
            f"{self.url}/", params=dict(arguments or {}), content=query.encode(), headers=given, timeout=PATIENCE_S
        )

    def get(self, arguments: Mapping[str, str], headers: Mapping[str, str]) -> httpx2.Response:
        """One raw request with the token and everything in the URL."""
        return httpx2.get(
            f"{self.url}/", params=dict(arguments), headers={"x-clickhouse-key": TOKEN, **headers}, timeout=PATIENCE_S
        )


@contextmanager
def sql_endpoint(settings: LineageSettings) -> Iterator[SqlAddress]:
    """The endpoint of a store that is open in this process already."""
    port, sql = free_port(), OperatorSql(settings)
    door = sql_listener(sql, settings.model_copy(update={"sql_port": port}), Policy(token=TOKEN))
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve(door, stop)))
    thread.start()
    try:
        eventually(lambda: _answers(port), within_s=PATIENCE_S, what="the endpoint")
        yield SqlAddress(port, str(settings.store_dir))
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
        sql.close()


@pytest.fixture(scope="module")
def endpoint(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlAddress]:
    """The endpoint over a store that holds twelve calls of two routes; nothing that is asked changes it."""
    folder = tmp_path_factory.mktemp("sql-http") / "data"
    with opened(migrated, folder) as store:
        put_into(store)("inference-responses", *[
            completed(seq, route=f"route-{seq % 2}", latency_ms=1.5 * seq, user_text="naïve\t'?'", event_time_us=NOON_US + seq)
            for seq in range(CALLS)
        ])  # fmt: skip
        settings = LineageSettings(data_dir=folder, query_rows_max=ROWS_MAX, query_timeout_s=5)
        with sql_endpoint(settings) as address:
            yield address


def _answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/ping", timeout=PATIENCE_S).text == "Ok.\n"
    except httpx2.TransportError:
        return False
