"""What a request to ClickHouse's HTTP interface may say: parameters, settings, headers and strangers."""

from __future__ import annotations

import base64
import json

import chdb
import httpx2
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from harness.http.boundary_client import TOKEN
from harness.store.sql_endpoint import SqlAddress
from harness.waiting import PATIENCE_S


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
    answer = httpx2.get(
        f"{endpoint.url}/?query=SELECT%201&query=SELECT%202", headers={"x-clickhouse-key": TOKEN}, timeout=PATIENCE_S
    )

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


def test_a_request_without_a_statement_is_a_sign_of_life(endpoint: SqlAddress) -> None:
    assert httpx2.get(f"{endpoint.url}/ping", timeout=PATIENCE_S).text == "Ok.\n"
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
        answer = httpx2.get(endpoint.url + path, headers=headers, timeout=PATIENCE_S)
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
    with httpx2.Client(headers={"x-clickhouse-key": TOKEN}, timeout=PATIENCE_S) as asking:

        @examples(max_examples=60)
        @given(ARGUMENTS, st.binary(max_size=40) | st.sampled_from([b"SELECT 1", b"SELECT {x:UInt8} FORMAT JSON"]))
        def answered(arguments: dict[str, str], body: bytes) -> None:
            answer = asking.post(endpoint.url, params=arguments, content=body)
            if answer.status_code != 200:
                assert answer.headers["x-clickhouse-exception-code"].isdigit()
                assert answer.text.startswith("Code: ")

        answered()
    assert endpoint.ask("SELECT 42").text == "42\n"
