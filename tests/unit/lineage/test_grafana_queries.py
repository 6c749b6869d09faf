"""The board over ClickHouse: each query of it runs on the engine, through the gate, as Grafana's data source would send it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from harness.store.sql_endpoint import SqlAddress
from weir.cli.stack.layout import repository

BOARD = json.loads((repository() / "infra" / "grafana" / "calls-clickhouse.json").read_text())
QUERIES = [(panel["title"], target["rawSql"]) for panel in BOARD["panels"] for target in panel["targets"]]
VARIABLES = [
    (variable["name"], variable["query"]) for variable in BOARD["templating"]["list"] if variable["type"] == "query"
]


def expanded(query: str) -> str:
    """The query with the macros and variables that its panels use, written out as the data source does (clickhouse-datasource,
    macros.go); noon of the day of the store's calls, and both routes."""
    first, last = "toDateTime(1795521600)", "toDateTime(1795525200)"
    query = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 >= {first} AND \1 <= {last}", query)
    query = re.sub(r"\$__timeInterval\((\w+)\)", r"toStartOfInterval(toDateTime(\1), INTERVAL 60 second)", query)
    query = query.replace("${route:singlequote}", "'route-0','route-1'")
    assert "$" not in query, query
    return query


@pytest.mark.capability("O16")
@pytest.mark.parametrize(("title", "query"), [*QUERIES, *VARIABLES])
def test_a_query_of_the_board_runs(endpoint: SqlAddress, title: str, query: str) -> None:
    answer = endpoint.ask(f"{expanded(query)} FORMAT JSON")

    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["data"]
    if title in ("Calls", "Latency", "Slowest calls"):
        assert rows
