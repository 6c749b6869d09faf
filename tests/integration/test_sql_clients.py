"""Stock ClickHouse clients against the running stack: Python and JDBC, with the address and the token that `weir up` wrote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from harness.calls.asking import openai_client
from harness.stack.running_stack import RunningStack
from harness.store.jdbc import asked_over_jdbc
from weir.lineage.read.core.sql_names import VIEWS

pytestmark = pytest.mark.stack
QUESTIONS = 3


@pytest.fixture(scope="module")
def answered(stack: RunningStack) -> int:
    """Calls of the demo tenant that are stored."""
    with openai_client(stack.gateway_http, stack.api_key) as client:
        for number in range(QUESTIONS):
            client.chat.completions.create(
                model="docs-qa", messages=[{"role": "user", "content": f"What is list number {number}?"}]
            )
    stack.until_count("v_inference_responses", "tenant = 'demo'", QUESTIONS)
    return stack.count("v_inference_responses", "tenant = 'demo'")


@pytest.fixture
def client(stack: RunningStack) -> Iterator[Any]:
    made = clickhouse_connect.get_client(
        host="127.0.0.1", port=stack.endpoints.ports["lineage_sql"], username="anyone", password=stack.http_token
    )
    yield made
    made.close()


@pytest.mark.capability("U5")
def test_python_and_jdbc_find_the_calls_of_the_stack(stack: RunningStack, client: Any, answered: int) -> None:
    frame = client.query_df("SELECT route, latency_ms, event_time FROM v_inference_responses WHERE tenant = 'demo'")
    found = asked_over_jdbc(f"127.0.0.1:{stack.endpoints.ports['lineage_sql']}", stack.http_token, "demo")
    by_kind = {kind: [line[1:] for line in found if line[0] == kind] for kind in {line[0] for line in found}}

    assert len(frame) >= answered
    assert sum(int(n) for _, n, _ in by_kind["row"]) >= answered
    assert {name for (name,) in by_kind["table"]} == VIEWS
    assert by_kind["column"] == [["start_time_us", "Int64", "Start, microseconds since 1970-01-01 UTC."]]
    assert (by_kind["columns"], by_kind["empty"], by_kind["valid"]) == ([["3"]], [["true", "event_time"]], [["true"]])
    assert by_kind["refused"] == [["497"], ["396"]]
    assert "answered" not in by_kind


@pytest.mark.capability("U5")
def test_the_stack_lets_no_stranger_ask(stack: RunningStack, client: Any) -> None:
    with pytest.raises(DatabaseError, match="497"):
        client.query("SELECT * FROM file('/etc/passwd')")
    with pytest.raises(DatabaseError, match="516"):
        clickhouse_connect.get_client(
            host="127.0.0.1", port=stack.endpoints.ports["lineage_sql"], username="anyone", password="x" * 43
        )
