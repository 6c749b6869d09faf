"""Operator SQL over the real engine: what analysts ask is served, a corpus of leaks is refused, and nothing is starved."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from harness.http.boundary_client import TOKEN, boundary_client
from harness.samples.builders import NOON_US, completed, requested
from weir.events import named_id
from weir.lineage.core.sql_strings import SqlRefused
from weir.lineage.read.api import routes
from weir.lineage.read.core.sql_gate import checked
from weir.lineage.read.core.sql_names import is_listed
from weir.lineage.read.core.sql_tree import agree, explaining
from weir.lineage.read.operator_sql import AT_ONCE, CLOSE_S, WAITING_MAX, OperatorSql, SqlBusy, limits_of
from weir.lineage.settings import LineageSettings
from weir.lineage.store.counters import Counters
from weir.lineage.store.store import QueryFailed, Store, open_client
from weir.runtime.http.policy import Policy
from weir.runtime.http.server import application

Put = Callable[..., None]

SLOW = (
    "SELECT sum(sipHash64(x, y)) FROM (SELECT arrayJoin(range(300000)) AS x) AS a,"
    " (SELECT arrayJoin(range(300000)) AS y) AS b"
)
"""A statement that takes minutes."""


QUERIES = [
    line.removesuffix(";")
    for line in (Path(__file__).parent / "analyst_queries.sql").read_text().splitlines()
    if line and not line.startswith("--")
]
"""What analysts ask."""

PAGES = Path(__file__).parents[3] / "docs"


def filled(put: Put) -> None:
    rows = [
        {"route": route, "latency_ms": 7.0 * seq + 1, "outcome": "failed" if seq % 5 == 0 else "ok", "session_id": f"s{seq % 3}",
         "user_text": f"Tell me {seq} things about Python", "event_time_us": NOON_US + seq * 600_000_000}
        for seq, route in enumerate(["docs-qa", "minilm", "docs-qa", "other-qa"] * 3)
    ]  # fmt: skip
    put("inference-responses", *[completed(seq, **row) for seq, row in enumerate(rows)])
    put("inference-requests", *[requested(seq, request_id=named_id(NOON_US, f"request {seq}")) for seq in range(4)])


async def test_what_analysts_ask_is_served_with_the_engines_own_answer(sql: OperatorSql, direct: Any, put: Put) -> None:
    filled(put)
    assert f"| {len(QUERIES)} analysts' queries get the engine's own answer |" in (PAGES / "security.md").read_text()
    for query in QUERIES:
        answer, result = await sql.ask(query), direct.query(query)

        names = result.column_names or [row[0] for row in direct.query(f"DESCRIBE TABLE ({query})").result_rows]
        assert list(answer.columns) == list(names), query
        assert repr(answer.rows) == repr(list(result.result_rows)[:50]), query


@pytest.mark.parametrize(
    "query",
    [
        "SELECT match(repeat('a', 1000000), '(a?){1000}b')",
        "SELECT repeat('a', 1000000) REGEXP '(a?){1000}b'",
        "SELECT match('a', concat('(a?)', '{1000}b'))",
        "SELECT replaceRegexpAll('a', route, '') FROM v_spans",
        "SELECT splitByRegexp('(a?){1000}', 'a')",
        "SELECT editDistance('a', 'b')",
        "SELECT damerauLevenshteinDistance('a', 'b')",
        "SELECT jaroSimilarity('a', 'b')",
        "SELECT arrayJoin([repeat('ab', 400000)]) LIKE '" + "%_a" * 3_000 + "z'",
        "SELECT 'a' LIKE concat('%', 'a')",
        "SELECT route NOT ILIKE user_text FROM v_inference_responses",
        "SELECT mapContainsKeyLike(labels, repeat('%_a', 3000)) FROM v_alerts",
        "SELECT position(repeat('a', 1000000), concat(repeat('a', 500000), 'b'))",
        "SELECT position(concat(repeat('a', 500000), 'b') IN repeat('a', 1000000))",
        "SELECT locate(concat(repeat('a', 500000), 'b'), repeat('a', 1000000))",
        "SELECT multiSearchAny(repeat('a', 1000000), arrayMap(x -> concat(repeat('a', 200), toString(x)), range(250)))",
        "SELECT hasAny(range(1000000), arrayMap(x -> x + 2000000, range(500000)))",
        "WITH range(1000000) AS a, range(500000) AS b SELECT hasAll(a, b)",
        "SELECT hasSubstr(a, b) FROM (SELECT groupArray(x) AS a, a AS b FROM (SELECT arrayJoin(range(9)) AS x))",
        "SELECT sum(indexOf(range(100000), x)) FROM (SELECT arrayJoin(range(1000000)) AS x)",
        "SELECT has(a, x) FROM (SELECT range(100000) AS a, arrayJoin(range(1000000)) AS x)",
        "SELECT has(`range(9)`, x) FROM (SELECT range(9), arrayJoin(range(1000000)) AS x)",
        "WITH t(a) AS (SELECT range(100000)) SELECT has(a, x) FROM t, (SELECT arrayJoin(range(1000000)) AS x)",
        "SELECT has(a, x) FROM (SELECT range(100000), arrayJoin(range(1000000))) AS t(a, x)",
        "SELECT has(route, x) FROM (SELECT * REPLACE (range(100000) AS route), arrayJoin(range(9)) AS x FROM v_spans)",
        "SELECT has(a, x) FROM (SELECT [1] AS a, 1 AS x UNION ALL SELECT range(100000), arrayJoin(range(1000000)))",
        "SELECT mapFromArrays(range(100000), range(100000))[x] FROM (SELECT arrayJoin(range(1000000)) AS x)",
        "SELECT countEqual((SELECT groupArray(1) FROM v_spans), x) FROM (SELECT arrayJoin(range(1000000)) AS x)",
        "SELECT length(printf('%1000000000d', 1))",
        "SELECT arrayIntersect(range(100000), [x]) FROM (SELECT arrayJoin(range(100000)) AS x)",
        "SELECT arrayIntersect(range(100000), [1], [x]) FROM (SELECT arrayJoin(range(100000)) AS x)",
        "SELECT stringJaccardIndex(repeat('ab', 100000), toString(x)) FROM (SELECT arrayJoin(range(100000)) AS x)",
        "SELECT hasSubsequence(repeat('a', 1000000), toString(x)) FROM (SELECT arrayJoin(range(100000)) AS x)",
        "SELECT position(repeat('a', 1000000), 'aaaab', x) FROM (SELECT arrayJoin(range(100000)) AS x)",
    ],
)
async def test_what_outlives_the_time_limit_is_refused(sql: OperatorSql, query: str) -> None:
    with pytest.raises(SqlRefused):
        await sql.ask(query)


@pytest.mark.parametrize(
    "expression",
    [
        "user_text LIKE '%Python%' AND route NOT ILIKE 'a_b%'",
        "has(['a', 'b'], route) OR has(splitByChar('-', route), 'qa') OR hasAny(splitByChar('-', route), ['a', 'b'])",
        "has(arrayMap(r -> r.name, references), 'docs')",
        "position(user_text, 'things') + locate('things', user_text)",
        "multiSearchAny(user_text, ['one', 'two'])",
        "replaceAll(user_text, 'me', route)",
        "splitByChar('-', route)[-1]",
        "arrayExists(r -> has(['a', 'b'], r.kind), references)",
    ],
)
async def test_usual_searches_are_served(sql: OperatorSql, put: Put, expression: str) -> None:
    filled(put)

    assert (await sql.ask(f"SELECT {expression} FROM v_inference_responses")).rows


SIZE = 2_000_000_000
SIZED = ("{n}", "'a', {n}", "'%{n}d', 1", "[1], {n}", "{n}, 1", "1.5, {n}")
"""Arguments by which a number could be the size of an answer."""


async def test_no_number_in_an_argument_is_memory_that_the_engine_does_not_count(
    store: Store, settings: LineageSettings, direct: Any
) -> None:
    """printf('%1000000000d') took 4 GB past the limit: each listed function is given a large number in each form."""
    known = direct.query("SELECT name FROM system.functions WHERE NOT is_aggregate").result_rows
    bounded = open_client(settings, limits_of(settings))
    for name, form in ((name, form) for (name,) in known if is_listed(name) for form in SIZED):
        call, before = f"{name}({form.format(n=SIZE)})", resident_bytes()
        with suppress(ClickHouseError):
            bounded.command(f"SELECT length(toString({call}))")
        assert resident_bytes() - before < FAR_PAST_BYTES, call
    bounded.close()


FAR_PAST_BYTES = 500_000_000
"""What one call never takes while the engine keeps to 64 MB a statement; printf took eight times as much."""


def resident_bytes() -> int:
    """The most memory that this process held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024


async def test_the_end_does_not_wait_for_a_statement_that_outlives_its_limits(store: Store, tmp_path: Path) -> None:
    sql = OperatorSql(LineageSettings(data_dir=tmp_path / "data", query_timeout_s=6))
    asked = asyncio.ensure_future(sql.ask(SLOW))
    await asyncio.sleep(0.5)  # until the engine has it

    began = time.monotonic()
    is_closed = await asyncio.to_thread(sql.close)

    assert not is_closed
    assert time.monotonic() - began < CLOSE_S + 1
    with pytest.raises(QueryFailed):
        await asked
    assert sql.close()


async def test_an_answer_that_python_cannot_hold_is_a_clear_refusal(sql: OperatorSql) -> None:
    for _ in range(AT_ONCE + 1):
        with pytest.raises(QueryFailed, match="cannot be read.*toString"):
            await sql.ask("SELECT map([[1], [2]], 1)")
    assert (await sql.ask("SELECT 42")).rows == [(42,)]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT route, 1 AS `a b` FROM v_spans",
        "WITH t AS (SELECT route, 1 AS `a b` FROM v_spans) SELECT * FROM t -- end",
        "SELECT route, 1 AS `a b` FROM v_spans UNION ALL SELECT route, 1 FROM v_spans LIMIT 5",
        "(SELECT route, 1 AS `a b` FROM v_spans) UNION ALL (SELECT route, 2 FROM v_spans);",
    ],
)
async def test_an_answer_without_rows_names_its_columns(sql: OperatorSql, query: str) -> None:
    answer = await sql.ask(query)

    assert (list(answer.columns), answer.rows) == (["route", "a b"], [])


@pytest.mark.parametrize("limit", ["²", "9" * 5_000, "-1", "0", ""])
async def test_a_limit_that_is_no_number_is_named(
    sql: OperatorSql, store: Store, settings: LineageSettings, limit: str
) -> None:
    async with boundary_client(
        application(dict, Policy(token=TOKEN), routes(store, Counters(store), sql, settings))
    ) as client:
        answer = await client.get("/v1/dead-letters", params={"limit": limit})

    assert answer.status_code == 400
    assert limit[:40] in answer.json()["detail"]


async def test_the_engines_reading_has_the_last_word(sql: OperatorSql) -> None:
    """Each statement that the words and the scopes let through is refused by the engine's own tree."""
    for statement in (
        "SELECT in(route, spans) FROM v_spans",
        "SELECT notIn(route, default.spans) FROM v_spans",
        "SELECT arrayMap(hostName, [1])",
        "SELECT JSONExtract('1', concat('Aggregate', 'Function(sum, UInt8)'))",
        "SELECT CAST('x', 'AggregateFunction(sum, UInt8)')",
        "SELECT route IN format('x') FROM v_spans",
    ):
        checked(statement)
        with pytest.raises(SqlRefused):
            await sql.ask(statement)


async def test_a_failed_query_leaves_nothing_to_the_next(sql: OperatorSql, put: Put) -> None:
    filled(put)
    failing = (
        "SELECT user_text, intDiv(1, latency_ms - latency_ms) FROM v_inference_responses",
        "SELECT user_text FROM v_inference_responses WHERE toInt64(user_text) > 0",
        "SELECT groupArray(repeat(user_text, 100000)) FROM v_inference_responses",
        "SELECT arrayJoin(range(100000)) AS x, toUInt8('no') FROM v_spans UNION ALL SELECT arrayJoin(range(100000)), 1",
        "SELECT nothing FROM v_spans",
        "SELECT toUInt64(concat('', toString(arrayJoin(arrayConcat(range(70000), [-1])))))",
    )
    for query in failing * 2:
        with pytest.raises(QueryFailed):
            await sql.ask(query)
        for _ in range(AT_ONCE):
            answer = await sql.ask("SELECT 42 AS answer")
            assert (list(answer.columns), answer.rows) == (["answer"], [(42,)])


async def test_the_stores_own_handle_is_not_reused_after_an_error_either(store: Store, put: Put) -> None:
    filled(put)
    for _ in range(3):
        with pytest.raises(QueryFailed):
            store.rows("SELECT user_text, throwIf(latency_ms > 50) FROM v_inference_responses")
        assert store.rows("SELECT 42 AS answer") == [{"answer": 42}]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT groupArray(repeat(toString(x), 1000)) FROM (SELECT arrayJoin(range(1000000)) AS x)", "emory"),
        ("SELECT groupArray(toString(x)) FROM (SELECT arrayJoin(range(100000)) AS x)", "bytes"),
        ("SELECT arrayMap(x -> x, range(500000000))", "maximum of 1000000"),
        ("SELECT arrayMap(x -> x, arrayWithConstant(500000000, 1))", "emory"),
        (SLOW, "imeout"),
    ],
)
async def test_one_statement_is_bounded(sql: OperatorSql, query: str, reason: str) -> None:
    with pytest.raises(QueryFailed, match=reason):
        await sql.ask(query)


async def test_an_answer_says_when_there_is_more(sql: OperatorSql) -> None:
    whole = await sql.ask("SELECT arrayJoin(range(50)) AS x")
    more = await sql.ask("SELECT arrayJoin(range(51)) AS x UNION ALL SELECT 1")

    assert (len(whole.rows), whole.is_truncated) == (50, False)
    assert (len(more.rows), more.is_truncated) == (50, True)


async def test_slow_statements_starve_neither_the_look_at_the_disk_nor_an_insert(
    sql: OperatorSql, store: Store, put: Put
) -> None:
    asked = [asyncio.ensure_future(sql.ask(SLOW)) for _ in range(AT_ONCE + WAITING_MAX)]
    await asyncio.sleep(0.3)  # until the first ones run
    with pytest.raises(SqlBusy):
        await sql.ask("SELECT 1")
    await asyncio.to_thread(store.free_bytes)
    await asyncio.to_thread(put, "inference-responses", completed(1))
    still_asked = [one for one in asked if not one.done()]
    for one in asked:
        one.cancel()
    await asyncio.gather(*asked, return_exceptions=True)

    assert still_asked, "the look and the insert came after every slow statement"


async def test_statements_at_once_get_their_own_answers(sql: OperatorSql) -> None:
    answers = await asyncio.gather(*[sql.ask(f"SELECT {number} AS n") for number in range(AT_ONCE + WAITING_MAX)])

    assert [answer.rows[0][0] for answer in answers] == list(range(AT_ONCE + WAITING_MAX))


async def test_now_is_utc_whatever_the_zone(
    store: Store, settings: LineageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = OperatorSql(settings)
    [row] = (
        await sql.ask("SELECT toString(now()), toHour(now()), toString(toDateTime(0)), toString(today()), timezone()")
    ).rows
    stored = store.rows("SELECT timezone() AS zone, toString(toDateTime(0)) AS zero")
    sql.close()
    utc = time.gmtime()

    assert abs(row[1] - utc.tm_hour) in (0, 1, 23)
    assert (row[2], row[4]) == ("1970-01-01 00:00:00", "UTC")
    assert stored == [{"zone": "UTC", "zero": "1970-01-01 00:00:00"}]


async def test_the_engines_tree_is_what_this_build_knows(direct: Any) -> None:
    """A new engine may name its nodes anew: every analyst's query is read by `agree`."""
    for query in QUERIES:
        passed = checked(query)
        if passed.query is not None:
            agree(str(direct.command(explaining(passed.query))), passed.names)


async def test_every_type_of_the_engine_is_answered_as_json(
    sql: OperatorSql, store: Store, settings: LineageSettings
) -> None:
    query = (
        "SELECT toInt128('170141183460469231731687303715884105727') AS big, nan AS n, [inf] AS i, map(1, 'a') AS m,"
        " (1, NULL) AS t, unhex('ff') AS bytes, toDate('2026-11-27') AS d, toDecimal64('1.50', 2) AS p,"
        " toUInt64(18446744073709551615) AS u"
    )
    async with boundary_client(
        application(dict, Policy(token=TOKEN), routes(store, Counters(store), sql, settings))
    ) as client:
        answer = await client.post("/v1/sql", json={"query": query})

    [row] = answer.json()["rows"]
    assert row[0] == "170141183460469231731687303715884105727"
    assert row[1:5] == [None, [None], {"1": "a"}, [1, None]]
    assert (row[6], row[8]) == ("2026-11-27", 2**64 - 1)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"query": "SELECT 1", "query": "SELECT 2"}', "key 'query' is given twice"),
        ('{"query": "SELECT 1", "x": 1}', "unknown key 'x'"),
        (r'{"query": "SELECT 1 \ud800"}', "surrogate"),
        ('{"query": ' + "[" * 4_096 + "]" * 4_096 + "}", "nested"),
        ('{"query": 5}', "query is a JSON int; expected a text"),
        ("{}", "query is missing"),
        ("[]", "expected an object"),
        ('{"query": ', "the body is no JSON"),
    ],
)
async def test_a_body_with_another_meaning_is_refused_and_told_why(
    sql: OperatorSql, store: Store, settings: LineageSettings, body: str, said: str
) -> None:
    doors = application(dict, Policy(token=TOKEN), routes(store, Counters(store), sql, settings))
    async with boundary_client(doors) as client:
        answer = await client.post("/v1/sql", content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 400
    assert said in answer.text
