"""The second store of the fault tests counts nothing only while nobody answers; a wrong statement is an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from harness.samples.builders import completed
from harness.stack.second_store import clickhouse_in
from harness.stack.service_process import ServiceProcess
from harness.store.lineage_store import LONGEST_DAYS, put_into
from harness.store.scans import scanned_impact
from harness.store.sql_answers import answered, is_unanswered, rows_in
from weir.events import Reference
from weir.lineage.core.retention import Retention
from weir.lineage.read import queries
from weir.lineage.read.operator_sql import OperatorSql
from weir.lineage.settings import LineageSettings
from weir.lineage.store.counters import Counters
from weir.lineage.store.migrate import migrate
from weir.lineage.store.retention import keep
from weir.lineage.store.store import QueryFailed, Store, StoreAway


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServiceProcess]:
    made = clickhouse_in(tmp_path)
    made.start()
    made.until_ready()
    yield made
    made.kill()


def page(status: int, title: str, detail: str) -> httpx2.Response:
    """An answer of /v1/sql without rows."""
    return httpx2.Response(status, json={"title": title, "status": status, "detail": detail})


@pytest.mark.slow
async def test_a_server_that_is_away_is_nobody_and_a_wrong_query_is_none(
    server: ServiceProcess, tmp_path: Path
) -> None:
    settings = LineageSettings(clickhouse_url=server.url, data_dir=tmp_path / "data")
    store = Store(settings)
    migrate(store)
    sql = OperatorSql(settings)
    wrong = "SELECT count() FROM v_feedback WHERE no_such_column = 1"

    with pytest.raises(QueryFailed, match="no_such_column") as refused:
        await sql.ask(wrong)
    server.kill()
    with pytest.raises(StoreAway) as away:
        await sql.ask(wrong)
    store.close()
    assert sql.close()

    assert not isinstance(refused.value, StoreAway)
    assert not is_unanswered(page(400, "Query failed", str(refused.value)))
    assert is_unanswered(page(503, "The store did not answer", str(away.value)))


@pytest.mark.slow
def test_the_counts_of_a_server_are_the_scan_too(server: ServiceProcess, tmp_path: Path) -> None:
    store = Store(LineageSettings(clickhouse_url=server.url, data_dir=tmp_path / "data"))
    migrate(store)
    keep(store, Retention(LONGEST_DAYS, LONGEST_DAYS, LONGEST_DAYS))
    model = Reference(kind="model", name="a", version="1", digest="sha256:1")
    put_into(store)("inference-responses", *(completed(number, references=(model,)) for number in range(3)))

    counted = queries.impact(store, Counters(store), "model", "a", "", "")
    scanned = scanned_impact(store, "model", "a", "", "")
    store.close()

    assert counted == scanned
    assert counted["requests"] == 3


@pytest.mark.parametrize(
    ("answer", "is_nobody"),
    [
        (page(503, "Busy", "10 statements are in flight, the most there may be"), True),
        (page(400, "Query failed", "Code: 159. DB::Exception: Timeout exceeded. (TIMEOUT_EXCEEDED)"), True),
        (page(400, "Query failed", "Code: 47. DB::Exception: Unknown identifier. (UNKNOWN_IDENTIFIER)"), False),
        (page(400, "Statement refused", "v_nothing is no view"), False),
        (page(403, "SQL is closed", "this lineage serves no SQL"), False),
        (page(401, "No token", "send one"), False),
        (httpx2.Response(200, json={"rows": [[3]]}), False),
    ],
    ids=lambda value: str(value.status_code) if isinstance(value, httpx2.Response) else "",
)
def test_an_error_of_the_asker_is_an_answer(answer: httpx2.Response, is_nobody: bool) -> None:
    assert is_unanswered(answer) is is_nobody


def test_who_is_busy_is_asked_again() -> None:
    answers = iter([page(503, "Busy", "10 statements are in flight"), page(403, "SQL is closed", "no SQL")])

    assert answered(lambda: next(answers)).status_code == 403


def test_rows_are_those_of_the_answer() -> None:
    assert rows_in(httpx2.Response(200, json={"rows": [[3]]})) == [[3]]
