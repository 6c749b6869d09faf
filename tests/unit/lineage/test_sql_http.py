"""ClickHouse's HTTP interface over a real socket and the real engine, as a stock client and as curl sees it."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import chdb
import clickhouse_connect
import httpx2
import lz4.block
import pytest
from clickhouse_cityhash.cityhash import CityHash128
from clickhouse_connect.driver.exceptions import DatabaseError
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from harness.http.boundary_client import TOKEN
from harness.samples.builders import NOON_US, completed
from harness.store.lineage_store import opened, put_into
from harness.store.sql_endpoint import SqlAddress, sql_endpoint
from weir.lineage.read.core.sql_names import CATALOG, VIEWS
from weir.lineage.settings import LineageSettings

ROWS_MAX = 50
CALLS = 12


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
    with httpx2.Client(headers={"authorization": basic, "user-agent": "clickhouse-go/2.51.0"}) as asking:
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
        httpx2.Client(headers={"x-clickhouse-key": TOKEN}) as asking,
        asking.stream("POST", endpoint.url, params={"enable_http_compression": "1"}, content=query.encode()) as answer,
    ):
        packed = b"".join(answer.iter_raw())
    plain = endpoint.ask(query)

    assert (gzip.decompress(packed), len(packed) < 200) == (plain.content, True)
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize(
    ("statement", "value", "expected"),
    [
        ("SELECT {x:UInt8} + 1", "41", "42\n"),
        ("SELECT {x:String}", "it's \\\\ a\\ttab", "it\\'s \\\\ a\\ttab\n"),
        ("SELECT {x:String}, '{x:String}'", "') UNION ALL SELECT file('/etc/passwd') --", None),
        ("SELECT {x:Array(String)}[2]", "['a','b']", "b\n"),
        ("SELECT {x:Nullable(String)} IS NULL", "\\N", "1\n"),
        ("SELECT {x:DateTime}", "2026-11-24 12:00:00", "2026-11-24 12:00:00\n"),
        ("SELECT count() FROM {x:Identifier}", "v_inference_responses", "12\n"),
        ("SELECT countIf(match(route, {x:String})) FROM v_inference_responses", "1$", "6\n"),
        ("SELECT route FROM v_inference_responses ORDER BY 1 LIMIT {x:UInt8}", "1", "route-0\n"),
    ],
)
def test_a_parameter_is_a_value_and_nothing_else(
    endpoint: SqlAddress, statement: str, value: str, expected: str | None
) -> None:
    answer = endpoint.ask(statement, {"param_x": value})

    assert answer.status_code == 200, answer.text
    assert expected is None or answer.text == expected
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("String", "a\\tb\\\\c'd\\'e"), ("Array(String)", "['a','it\\'s','\\\\']"), ("Tuple(UInt8, String)", "(1,'a')"),
        ("Nullable(UInt8)", "\\N"), ("Nullable(UInt8)", "7"), ("Int8", "-5"), ("UInt8", "300"),
        ("Float64", "1.5e3"), ("Date", "2026-11-24"), ("DateTime64(3)", "2026-11-24 12:00:00.125"), ("Bool", "true"),
        ("UUID", "01a20d6d-5a00-7ad1-b9de-910513527b40"), ("Array(Array(UInt8))", "[[1,2],[]]"), ("LowCardinality(String)", "x"),
        ("Decimal(9, 2)", "1.25"), ("Enum8('a' = 1)", "a"), ("String", "\\e\\d\\x41\\0\\=\\N"),
    ],
)  # fmt: skip
def test_a_parameter_means_what_the_engines_own_binding_means(endpoint: SqlAddress, type_name: str, value: str) -> None:
    statement = f"SELECT {{x:{type_name}}} AS x FORMAT JSONCompact"
    engine = chdb.connect(endpoint.folder)  # type: ignore[no-untyped-call]  # the library has no types
    wanted = json.loads(
        engine.query(f"SET session_timezone = 'UTC'; {statement}", "JSONCompact", params={"x": value}).bytes()
    )
    engine.close()
    found = endpoint.ask(statement, {"param_x": value})

    assert found.status_code == 200, found.text
    assert found.json()["data"] == wanted["data"]


REFUSED: dict[str, tuple[str, dict[str, str], int]] = {
    "password in the URL": ("SELECT 1", {"password": TOKEN}, 516),
    "another database": ("SELECT 1", {"database": "system"}, 81),
    "no such format": ("SELECT 1 FORMAT Nothing", {}, 73),
    "a format that reads a file": ("SELECT 1", {"default_format": "Template"}, 73),
    "a setting of the engine": ("SELECT 1", {"format_schema": "x"}, 164),
    "a setting that nobody knows": ("SELECT 1", {"no_such": "1"}, 164),
    "more seconds": ("SELECT 1", {"max_execution_time": "6"}, 164),
    "seconds without end": ("SELECT 1", {"max_execution_time": "0"}, 164),
    "more rows": ("SELECT 1", {"max_result_rows": "51"}, 164),
    "more threads": ("SELECT 1", {"max_threads": "2"}, 164),
    "writing": ("SELECT 1", {"readonly": "0"}, 164),
    "a compressed body": ("SELECT 1", {"decompress": "1"}, 164),
    "progress": ("SELECT 1", {"send_progress_in_http_headers": "1"}, 164),
    "cross-origin": ("SELECT 1", {"add_http_cors_header": "1"}, 164),
    "a zone that is a file": ("SELECT now()", {"session_timezone": "file:/etc/passwd"}, 497),
    "a role": ("SELECT 1", {"role": "x"}, 164),
    "a parameter without a place": ("SELECT 1", {"param_x": "1"}, 497),
    "a place without a parameter": ("SELECT {x:UInt8}", {}, 497),
    "an identifier that is none": ("SELECT 1 FROM {x:Identifier}", {"param_x": "file('/etc/passwd')"}, 497),
    "an unpublished identifier": ("SELECT 1 FROM {x:Identifier}", {"param_x": "spans"}, 497),
    "a type that is a zone file": ("SELECT {x:DateTime('file:/etc/passwd')}", {"param_x": "0"}, 497),
    "a version that is none": ("SELECT 1", {"client_protocol_version": "x"}, 164),
    "two compressions": ("SELECT 1", {"compress": "1", "enable_http_compression": "1"}, 164),
    "half a compression": ("SELECT 1", {"compress": "2"}, 164),
    "another method": ("SELECT 1", {"compress": "1", "network_compression_method": "ZSTD"}, 164),
    "Grafana's ad hoc filter": (
        "SELECT 1 settings additional_table_filters={'v_spans' : ' route = \\'x\\' '}",
        {},
        497,
    ),
    "a condition in a setting": ("SELECT 1", {"additional_table_filters": "{'spans': 'file(x)'}"}, 164),
    "a map": ("SELECT {x:Map(String, UInt8)}", {"param_x": "{'a':1}"}, 497),
    "an id with a line end": ("SELECT 1", {"query_id": "a\r\nb: c"}, 164),
    "a setting twice": ("SELECT 1 SETTINGS extremes = 1", {"extremes": "1"}, 164),
    "settings within": ("SELECT 1 FROM (SELECT 1 SETTINGS max_threads = 1)", {}, 497),
    "outfile": ("SELECT 1 INTO OUTFILE 'x' FORMAT CSV", {}, 497),
    "rows without a table": ("SELECT arrayJoin(range(60)) FORMAT JSON", {}, 396),
}


@pytest.mark.parametrize("why", REFUSED)
def test_nothing_is_accepted_and_ignored(endpoint: SqlAddress, why: str) -> None:
    query, arguments, code = REFUSED[why]
    answer = endpoint.ask(query, arguments)

    assert answer.headers["x-clickhouse-exception-code"] == str(code), answer.text
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert answer.status_code in (400, 403, 404, 500)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-clickhouse-quota": "x"}, 164),
        ({"x-clickhouse-ssl-certificate-auth": "on"}, 164),
        ({"x-clickhouse-database": "system"}, 81),
        ({"x-clickhouse-format": "Template"}, 73),
        ({"content-type": "multipart/form-data; boundary=x"}, 497),
        ({"content-type": "Multipart/Form-Data; boundary=x"}, 497),
    ],
)
def test_a_header_of_the_protocol_is_read_or_refused(endpoint: SqlAddress, headers: dict[str, str], code: int) -> None:
    assert endpoint.ask("SELECT 1", headers=headers).headers["x-clickhouse-exception-code"] == str(code)


def test_an_argument_that_stands_twice_is_refused(endpoint: SqlAddress) -> None:
    answer = httpx2.get(f"{endpoint.url}/?query=SELECT%201&query=SELECT%202", headers={"x-clickhouse-key": TOKEN})

    assert (answer.status_code, "twice" in answer.text or "there twice" in answer.text) == (403, True)


ACCEPTED = {
    "max_result_rows with break": ("SELECT arrayJoin(range(60))", {"max_result_rows": "7", "result_overflow_mode": "break"}, 7),
    "limit": ("SELECT arrayJoin(range(60))", {"limit": "3"}, 3),
    "offset": ("SELECT arrayJoin(range(10))", {"offset": "4"}, 6),
    "sessions": ("SELECT 1", {"session_id": "x", "session_timeout": "60", "wait_end_of_query": "1", "buffer_size": "0"}, 1),
    "what is off": ("SELECT 1", {"decompress": "0", "send_progress_in_http_headers": "0", "add_http_cors_header": "0"}, 1),
    "narrower": ("SELECT 1", {"max_execution_time": "1.5", "max_memory_usage": "50000000", "readonly": "1"}, 1),
}  # fmt: skip


@pytest.mark.parametrize("what", ACCEPTED)
def test_what_is_accepted_is_applied_or_changes_nothing(endpoint: SqlAddress, what: str) -> None:
    query, arguments, rows = ACCEPTED[what]
    answer = endpoint.ask(query, arguments)

    assert (answer.status_code, len(answer.text.splitlines())) == (200, rows), answer.text


def test_the_catalog_shows_what_is_published_and_nothing_else(endpoint: SqlAddress) -> None:
    names = endpoint.ask("SELECT name FROM system.tables").text.split()
    tables = endpoint.ask("SELECT DISTINCT table FROM system.columns").text.split()
    databases = endpoint.ask("SHOW DATABASES").text.split()

    assert set(names) == set(tables) == VIEWS
    assert databases == ["default"]
    for view in CATALOG:
        assert "published_" not in endpoint.ask(f"SELECT * FROM system.{view}").text


def test_a_request_without_a_statement_is_a_sign_of_life(endpoint: SqlAddress) -> None:
    assert httpx2.get(f"{endpoint.url}/ping").text == "Ok.\n"
    assert endpoint.ask("").text == "Ok.\n"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-clickhouse-key": "wrong"},
        {"x-clickhouse-key": TOKEN, "authorization": f"Bearer {TOKEN}"},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": "Basic " + base64.b64encode(b"weir:").decode()},
    ],
)
def test_a_stranger_is_refused_in_the_form_that_clients_read(endpoint: SqlAddress, headers: dict[str, str]) -> None:
    for path in ("/", "/?query=SELECT%201", f"/?query=SELECT%201&password={TOKEN}&user=weir"):
        answer = httpx2.get(endpoint.url + path, headers=headers)
        assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (401, "516")
        assert TOKEN not in answer.text


def test_a_page_of_another_site_is_refused_though_it_has_the_token(endpoint: SqlAddress) -> None:
    for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}, {"host": "evil.example"}):
        answer = endpoint.ask("SELECT 1", headers=headers)
        assert answer.status_code in (403, 421)
        assert answer.headers["x-clickhouse-exception-code"] == "497"


TEXTS = st.text(max_size=30)
ARGUMENTS = st.dictionaries(
    st.sampled_from(["query", "default_format", "database", "query_id", "session_timezone", "limit", "compress", "param_x",
                     "client_protocol_version", "enable_http_compression", "max_execution_time", "format_schema"]) | TEXTS,
    TEXTS | st.sampled_from(["0", "1", "default", "Native", "SELECT {x:String}", "54460", "UTC"]),
    max_size=5,
)  # fmt: skip


def test_any_arguments_and_any_body_are_answered_in_form(endpoint: SqlAddress) -> None:
    with httpx2.Client(headers={"x-clickhouse-key": TOKEN}) as asking:

        @examples(max_examples=60)
        @given(ARGUMENTS, st.binary(max_size=40) | st.sampled_from([b"SELECT 1", b"SELECT {x:UInt8} FORMAT JSON"]))
        def answered(arguments: dict[str, str], body: bytes) -> None:
            answer = asking.post(endpoint.url, params=arguments, content=body)
            if answer.status_code != 200:
                assert answer.headers["x-clickhouse-exception-code"].isdigit()
                assert answer.text.startswith("Code: ")

        answered()
    assert endpoint.ask("SELECT 42").text == "42\n"
