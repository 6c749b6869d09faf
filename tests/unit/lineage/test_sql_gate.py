"""The gate before operator SQL: what reads the views passes, what the engine would leak does not."""

from __future__ import annotations

import pytest

from weir.lineage.core.sql_gate import SqlRefused, checked

PASS = (
    "SELECT count() FROM v_spans",
    "select route, outcome, count() AS n FROM v_inference_responses GROUP BY ALL ORDER BY n DESC LIMIT 5;",
    "WITH slow AS (SELECT * FROM v_inference_responses WHERE latency_ms > 100) SELECT count() FROM slow",
    "SELECT quantile(0.5)(latency_ms) FROM v_inference_responses WHERE user_text LIKE '%file(%'",
    "SELECT a.route FROM v_inference_requests AS a JOIN v_inference_responses AS b ON a.request_id = b.request_id",
    "SELECT route FROM (SELECT route FROM v_spans) WHERE route IN ('a', 'b')",
)
REFUSED = (
    "SELECT file('secret')",
    "SELECT * FROM file('secret')",
    "SELECT * FROM url('http://127.0.0.1/')",
    "SELECT * FROM s3('x')",
    "SELECT * FROM remote('127.0.0.1', system.one)",
    "SELECT * FROM Python(secret)",
    "SELECT * FROM merge('default', '.*')",
    "SELECT * FROM mergeTreeIndex('default', 'spans')",
    "SELECT * FROM mysql('a')",
    "SELECT * FROM system.processes",
    "SELECT * FROM spans",
    "SELECT * FROM v_spans, system.tables",
    "SELECT 1 INTO OUTFILE 'x'",
    "SELECT 1 FORMAT CSV",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1; SELECT 2",
    "SELECT 1 -- comment",
    "SELECT 1 /* comment */",
    "SELECT {x:String}",
    "INSERT INTO v_spans VALUES (1)",
    "DESCRIBE TABLE url('http://127.0.0.1/')",
    "KILL QUERY WHERE 1",
    "SYSTEM SHUTDOWN",
    "SET readonly = 0",
    "EXPLAIN SELECT 1",
    "SELECT `file`('secret')",
    "SELECT sleep(3)",
    "SELECT getSetting('x')",
    "SELECT * FROM dictionary('x')",
    "SELECT dictGet('a', 'b', 1)",
    'SELECT * FROM "system"."one"',
    "",
)


@pytest.mark.capability("U5")
@pytest.mark.parametrize("statement", PASS)
def test_reading_the_views_is_allowed(statement: str) -> None:
    assert checked(statement) == statement.removesuffix(";")


@pytest.mark.parametrize("statement", REFUSED)
def test_what_leaks_or_changes_is_refused_with_a_reason(statement: str) -> None:
    with pytest.raises(SqlRefused, match=r"\w+"):
        checked(statement)


def test_a_statement_without_end_is_refused() -> None:
    with pytest.raises(SqlRefused, match="at most"):
        checked("SELECT " + "1," * 20_000 + "1")
