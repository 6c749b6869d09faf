"""ClickHouse's HTTP interface over a real socket and the real engine, as a stock client and as curl sees it."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import clickhouse_connect
import httpx2
import lz4.block
import pytest
from clickhouse_cityhash.cityhash import CityHash128
from clickhouse_connect.driver.exceptions import DatabaseError

from harness.http.boundary_client import TOKEN
from harness.store.sql_endpoint import CALLS, SqlAddress
from harness.waiting import PATIENCE_S
from weir.lineage.read.core.sql_names import CATALOG, VIEWS


@pytest.fixture
def client(endpoint: SqlAddress) -> Iterator[Any]:
    """The stock client of ClickHouse for Python, as anybody makes one."""
    made = clickhouse_connect.get_client(host="127.0.0.1", port=endpoint.port, username="anyone", password=TOKEN)
    yield made
    made.close()


@pytest.mark.capability("U5", is_check=True)
def test_a_stock_client_queries_the_embedded_store(client: Any) -> None:
    result = client.query(
        "SELECT route, count() AS n, avg(latency_ms) AS mean FROM v_inference_responses"
        " WHERE route IN {routes:Array(String)} GROUP BY route ORDER BY route",
        parameters={"routes": ["route-0", "route-1", "it's"]},
    )
    assert (result.column_names, result.result_rows) == (
        ("route", "n", "mean"),
        [("route-0", 6, 7.5), ("route-1", 6, 9.0)],
    )
    assert (result.summary["read_rows"], result.summary["result_rows"]) == ("12", "2")

    frame = client.query_df(
        "SELECT request_id, route, latency_ms, event_time FROM v_inference_responses ORDER BY latency_ms"
    )
    assert (len(frame), float(frame["latency_ms"].sum())) == (CALLS, 99.0)
    assert str(frame["event_time"].iloc[0]) == "2026-11-24 12:00:00"
    assert client.query_np("SELECT latency_ms FROM v_inference_responses ORDER BY 1 LIMIT 3").tolist() == [
        [0.0],
        [1.5],
        [3.0],
    ]
    assert client.query_arrow("SELECT route FROM v_inference_responses").num_rows == CALLS

    described = client.query("DESCRIBE TABLE default.v_spans")
    comments = {row[0]: row[4] for row in described.result_rows}
    assert comments["start_time_us"] == "Start, microseconds since 1970-01-01 UTC."
    listed = client.query("SELECT name, comment FROM system.tables WHERE database = currentDatabase()").result_rows
    assert {name for name, _ in listed} == VIEWS
    assert all(comment for _, comment in listed)
    assert client.query("SELECT count() FROM system.columns WHERE comment = ''").result_rows == [(0,)]
    assert client.command("SELECT count() FROM v_alerts") == 0


@pytest.mark.capability("U5")
def test_an_answer_without_rows_has_its_columns(client: Any) -> None:
    empty = client.query("SELECT route, latency_ms AS `a b` FROM v_inference_responses WHERE route = 'none'")

    assert (empty.column_names, empty.result_rows) == (("route", "a b"), [])


@pytest.mark.capability("U5")
@pytest.mark.parametrize("word", ["tuple(", "date (", "UInt8("])
def test_a_statement_that_would_be_read_for_ever_is_refused(endpoint: SqlAddress, word: str) -> None:
    for _ in range(3):  # one more than there are threads: each is free again
        answer = endpoint.ask("SELECT " + word * 40 + "1" + ")" * 40)

        assert (answer.status_code, "more than 4 steps for each of its words" in answer.text) == (403, True)


JOINED = "SELECT b.y AS v FROM (SELECT 1 AS x) AS a LEFT JOIN (SELECT 1 AS x, toUInt8(2) AS y) AS b USING (x)"


@pytest.mark.capability("U5")
@pytest.mark.parametrize(
    ("query", "settings", "type_name"),
    [
        (JOINED, {}, b"UInt8"),
        (JOINED, {"join_use_nulls": "1"}, b"Nullable(UInt8)"),
        (
            "SELECT [parseDateTime('2026', '%Y')] AS v",
            {"session_timezone": "Asia/Seoul"},
            b"Array(DateTime('Asia/Seoul'))",
        ),
        ("SELECT toDateTime(1, 'Asia/Seoul') AS v", {"limit": "1"}, b"DateTime"),
        ("SELECT CAST((1, 'x'), 'Tuple(a UInt8, b String)') AS v", {}, b"Tuple(a UInt8, b String)"),
    ],
)
def test_a_column_has_one_type_with_rows_and_without(
    endpoint: SqlAddress, query: str, settings: dict[str, str], type_name: bytes
) -> None:
    one, none = (endpoint.ask(f"{query} LIMIT {rows} FORMAT Native", settings).content for rows in (1, 0))

    head = b"\x01v" + bytes([len(type_name)]) + type_name
    assert one.startswith(b"\x01\x01" + head)
    assert none == b"\x01\x00" + head


@pytest.mark.capability("U5")
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT file('/etc/passwd')", 497),
        ("SELECT * FROM spans", 497),
        ("INSERT INTO v_spans VALUES (1)", 497),
        ("SELECT nothing FROM v_spans", 47),
        ("SELECT arrayJoin(range(51))", 396),
        ("SELECT a.route FROM v_inference_responses AS a, v_inference_responses AS b", 396),
        ("SELECT 1 SETTINGS max_execution_time = 3600", 164),
    ],
)
def test_a_stock_client_is_told_what_is_refused(client: Any, query: str, code: int) -> None:
    with pytest.raises(DatabaseError, match=f"Code: {code}") as raised:
        client.query(query)

    assert raised.value.code == code


def test_a_wrong_token_opens_nothing(endpoint: SqlAddress) -> None:
    with pytest.raises(DatabaseError, match="AUTHENTICATION_FAILED"):
        clickhouse_connect.get_client(host="127.0.0.1", port=endpoint.port, username="anyone", password=TOKEN + "x")


GRAFANA = (
    "SELECT displayName(), version(), revision(), timezone()",
    "SELECT 1",
    "SELECT database, name FROM system.tables ORDER BY database, name",
    "SELECT database, table, name, type, comment FROM system.columns WHERE (database, table) IN (('default', 'v_spans'))"
    " ORDER BY database, table, position",
    'DESCRIBE TABLE "default"."v_inference_responses"',
    "SHOW DATABASES",
    "SHOW TABLES FROM default",
    "SELECT DISTINCT route FROM default.v_inference_responses SETTINGS max_execution_time=5",
    'SELECT toStartOfInterval(toDateTime(event_time), INTERVAL 60 second) as time, count() as n'
    ' FROM "default"."v_inference_responses" WHERE ( event_time >= toDateTime(1795521600) AND'
    " event_time <= toDateTime(1795525200) ) GROUP BY time ORDER BY time ASC LIMIT 10",
    'SELECT event_time as "timestamp", user_text as "body", outcome as "level" FROM "default"."v_inference_responses"'
    " WHERE ( timestamp >= fromUnixTimestamp64Milli(1795521600000) AND timestamp <= fromUnixTimestamp64Milli(1795525200000) )"
    " ORDER BY timestamp DESC LIMIT 10",
)  # fmt: skip
"""What Grafana's data source sends on connecting, for its pickers, and for a graph and a log panel with macros expanded."""


@pytest.mark.capability("U5")
@pytest.mark.parametrize("compress", ["0", "1"])
@pytest.mark.parametrize("query", GRAFANA)
def test_what_grafanas_data_source_sends_is_answered(endpoint: SqlAddress, query: str, compress: str) -> None:
    arguments = {
        "client_protocol_version": "54460", "database": "default", "default_format": "Native",
        **({"compress": "1", "network_compression_method": "LZ4"} if compress == "1" else {}),
    }  # fmt: skip
    basic = "Basic " + base64.b64encode(f"weir:{TOKEN}".encode()).decode()
    with httpx2.Client(
        headers={"authorization": basic, "user-agent": "clickhouse-go/2.51.0"}, timeout=PATIENCE_S
    ) as asking:
        answer = asking.post(f"{endpoint.url}/", params=arguments, content=query.encode())
    data = unpacked(answer.content) if compress == "1" else answer.content

    assert answer.status_code == 200, answer.text
    assert data.startswith(b"\x01\x00\x02\xff\xff\xff\xff\x00")  # a block's information
    assert answer.headers["x-clickhouse-format"] == "Native"


def unpacked(data: bytes) -> bytes:
    """The bytes in blocks of ClickHouse's own compression, their checksums compared."""
    found = b""
    while data:
        size, plain = int.from_bytes(data[17:21], "little"), int.from_bytes(data[21:25], "little")
        packed, checksum = data[16 : 16 + size], CityHash128(data[16 : 16 + size])
        assert data[:16] == (checksum >> 64).to_bytes(8, "little") + (checksum & (1 << 64) - 1).to_bytes(8, "little")
        found += lz4.block.decompress(packed[9:], uncompressed_size=plain)
        data = data[16 + size :]
    return found


FORMATS: dict[str, Callable[[bytes], bool]] = {
    "JSONCompact": lambda body: json.loads(body)["data"] == [["route-0", "6"], ["route-1", "6"]],
    "JSON": lambda body: json.loads(body)["data"][0] == {"route": "route-0", "n": "6"},
    "JSONEachRow": lambda body: json.loads(body.splitlines()[1]) == {"route": "route-1", "n": "6"},
    "TSV": lambda body: body == b"route-0\t6\nroute-1\t6\n",
    "TabSeparatedWithNames": lambda body: body.startswith(b"route\tn\n"),
    "CSVWithNames": lambda body: body == b'"route","n"\n"route-0",6\n"route-1",6\n',
    "RowBinary": lambda body: (
        body == b"\x07route-0" + (6).to_bytes(8, "little") + b"\x07route-1" + (6).to_bytes(8, "little")
    ),
    "RowBinaryWithNamesAndTypes": lambda body: body.startswith(b"\x02\x05route\x01n"),
    "Native": lambda body: body.startswith(b"\x02\x02\x05route\x16LowCardinality(String)"),
    "Parquet": lambda body: body.startswith(b"PAR1"),
    "Pretty": lambda body: b"route-1" in body,
}
"""What each format begins with or holds."""

BY_ROUTE = "SELECT route, count() AS n FROM v_inference_responses GROUP BY route ORDER BY route"


@pytest.mark.capability("U5")
@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_the_engines_own_however_it_is_asked_for(endpoint: SqlAddress, name: str) -> None:
    quoted = {"output_format_json_quote_64bit_integers": "1"}
    answers = [
        endpoint.ask(f"{BY_ROUTE} FORMAT {name}", quoted),
        endpoint.ask(f"{BY_ROUTE};", {"default_format": name, **quoted}),
        endpoint.get({"query": BY_ROUTE, **quoted}, {"x-clickhouse-format": name}),
        endpoint.ask(f"{BY_ROUTE} FORMAT {name} SETTINGS output_format_json_quote_64bit_integers = 1"),
    ]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert all(FORMATS[name](answer.content) for answer in answers), answers[0].content[:200]


def test_the_headers_are_those_of_the_engines_own_interface(endpoint: SqlAddress) -> None:
    answer = endpoint.ask(BY_ROUTE, {"default_format": "CSV", "query_id": "mine-1", "session_timezone": "Asia/Seoul"})

    assert answer.headers["content-type"] == "text/csv; charset=UTF-8; header=absent"
    assert answer.headers["x-clickhouse-query-id"] == "mine-1"
    assert answer.headers["x-clickhouse-timezone"] == "Asia/Seoul"
    summary = json.loads(answer.headers["x-clickhouse-summary"])
    assert (summary["read_rows"], summary["result_rows"]) == ("12", "2")
    assert summary["result_bytes"] == str(len(answer.content))
    assert set(summary) == {"read_rows", "read_bytes", "result_rows", "result_bytes", "elapsed_ns"}
    assert endpoint.ask("SELECT toDateTime(0)", {"session_timezone": "Asia/Seoul"}).text == "1970-01-01 09:00:00\n"
    assert endpoint.ask("SELECT toDateTime(0)").text == "1970-01-01 00:00:00\n"


def test_gzip_is_used_where_it_is_asked_for(endpoint: SqlAddress) -> None:
    query = "SELECT repeat('a', 10000)"
    with (
        httpx2.Client(headers={"x-clickhouse-key": TOKEN}, timeout=PATIENCE_S) as asking,
        asking.stream("POST", endpoint.url, params={"enable_http_compression": "1"}, content=query.encode()) as answer,
    ):
        packed = b"".join(answer.iter_raw())
    plain = endpoint.ask(query)

    assert (gzip.decompress(packed), len(packed) < 200) == (plain.content, True)
    assert "content-encoding" not in plain.headers


def test_the_catalog_shows_what_is_published_and_nothing_else(endpoint: SqlAddress) -> None:
    names = endpoint.ask("SELECT name FROM system.tables").text.split()
    tables = endpoint.ask("SELECT DISTINCT table FROM system.columns").text.split()
    databases = endpoint.ask("SHOW DATABASES").text.split()

    assert set(names) == set(tables) == VIEWS
    assert databases == ["default"]
    for view in CATALOG:
        assert "published_" not in endpoint.ask(f"SELECT * FROM system.{view}").text
