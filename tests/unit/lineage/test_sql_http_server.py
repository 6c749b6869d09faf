"""The SQL endpoint where lineage has a ClickHouse server: the same client and the same queries, the answer the server's own.

The server is the real engine behind ClickHouse's HTTP interface, in a process of its own (`clickhouse_front`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from harness.http.boundary_client import TOKEN
from harness.samples.builders import completed
from harness.stack.second_store import clickhouse_in
from harness.stack.service_process import ServiceProcess
from harness.store.lineage_store import put_into
from harness.store.sql_endpoint import SqlAddress, sql_endpoint
from weir.lineage.core.retention import Retention
from weir.lineage.read.core.sql_names import VIEWS
from weir.lineage.settings import LineageSettings
from weir.lineage.store.migrate import migrate
from weir.lineage.store.retention import keep
from weir.lineage.store.store import Store
from weir.lineage.store.view_comments import comment_views

ROWS_MAX = 50
LONGEST_DAYS = 7_300


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlAddress]:
    folder: Path = tmp_path_factory.mktemp("server")
    server = _started(folder)
    settings = LineageSettings(clickhouse_url=server.url, data_dir=folder / "data", query_rows_max=ROWS_MAX)
    store = Store(settings)
    migrate(store)
    comment_views(store)
    keep(store, Retention(LONGEST_DAYS, LONGEST_DAYS, LONGEST_DAYS))
    put_into(store)("inference-responses", *[completed(seq, route=f"r{seq % 2}") for seq in range(6)])
    try:
        with sql_endpoint(settings) as address:
            yield address
    finally:
        store.close()
        server.kill()


def _started(folder: Path) -> ServiceProcess:
    server = clickhouse_in(folder)
    server.start()
    server.until_ready()
    return server


@pytest.fixture
def client(endpoint: SqlAddress) -> Iterator[Any]:
    made = clickhouse_connect.get_client(host="127.0.0.1", port=endpoint.port, username="anyone", password=TOKEN)
    yield made
    made.close()


@pytest.mark.capability("U5")
@pytest.mark.slow
def test_a_stock_client_has_the_same_answers_from_a_server(client: Any) -> None:
    query = "SELECT route, count() AS n FROM default.v_inference_responses WHERE route = {r:String} GROUP BY route"
    empty = client.query("SELECT route AS `a b` FROM v_inference_responses WHERE route = 'none'")

    assert client.query(query, parameters={"r": "r1"}).result_rows == [("r1", 3)]
    assert client.query_df("SELECT route, latency_ms FROM v_inference_responses").shape == (6, 2)
    assert {name for (name,) in client.query("SELECT name FROM system.tables").result_rows} == VIEWS
    assert client.query("SELECT count() FROM system.columns WHERE comment = ''").result_rows == [(0,)]
    assert (empty.column_names, empty.result_rows) == (("a b",), [])


@pytest.mark.capability("U5")
@pytest.mark.parametrize(
    ("query", "code"),
    [("SELECT file('/etc/passwd')", 497), ("SELECT * FROM spans", 497), ("SELECT nothing FROM v_spans", 47),
     ("SELECT a.route FROM v_inference_responses AS a, v_inference_responses AS b, v_inference_responses AS c", 396)],
)  # fmt: skip
@pytest.mark.slow
def test_a_stock_client_is_refused_the_same_before_a_server(client: Any, query: str, code: int) -> None:
    with pytest.raises(DatabaseError, match=f"Code: {code}"):
        client.query(query)


@pytest.mark.slow
def test_a_setting_travels_with_the_statement(endpoint: SqlAddress) -> None:
    query = "SELECT toDateTime(0) FROM v_inference_responses"

    assert endpoint.ask(query, {"session_timezone": "Asia/Seoul", "limit": "1"}).text == "1970-01-01 09:00:00\n"
    assert endpoint.ask(query).text == "1970-01-01 00:00:00\n" * 6


@pytest.mark.slow
def test_a_server_that_is_away_is_a_reason_to_ask_again_later(tmp_path: Path) -> None:
    server = _started(tmp_path)
    settings = LineageSettings(clickhouse_url=server.url, data_dir=tmp_path / "data")
    store = Store(settings)
    migrate(store)
    with sql_endpoint(settings) as address:
        whole = address.ask("SELECT count() FROM v_spans")
        server.kill()
        away = address.ask("SELECT count() FROM v_spans")
    store.close()

    assert (whole.status_code, whole.text) == (200, "0\n")
    assert (away.status_code, away.headers["x-clickhouse-exception-code"]) == (503, "210")
    assert away.headers["retry-after"] == "5"
