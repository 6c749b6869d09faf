"""The gate before operator SQL, without an engine: what reads the views passes, what leaks or changes is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.lineage.read.core.sql_gate import SqlRefused, checked
from weir.lineage.read.core.sql_names import (
    AGGREGATES,
    COMBINATORS,
    IDENTITY,
    MEMBERSHIP,
    SCALARS,
    VIEWS,
    WINDOW_FUNCTIONS,
    is_listed,
)
from weir.lineage.read.core.sql_text import BEFORE_PARENTHESIS, TYPES
from weir.lineage.read.core.sql_tree import agree

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
    "SELECT * FROM v_spans, system.processes",
    "SELECT * FROM default.spans",
    f"SELECT sum{'If' * 9}(1) FROM v_spans",
    f"SELECT sum{'If' * 9_000}(1) FROM v_spans",
    "SELECT * FROM other.v_spans",
    "SELECT * FROM system.v_spans",
    "SELECT * FROM default.tables",
    "SELECT * FROM x.system.tables",
    "SELECT * FROM information_schema.tables",
    "WITH published_tables AS (SELECT 1) SELECT * FROM published_tables",
    "SHOW TABLES FROM system",
    "SHOW TABLES LIKE 'v' OR 1 = 1",
    "SHOW CREATE TABLE v_spans",
    "SHOW GRANTS",
    "EXISTS spans",
    "DESCRIBE default.spans",
    "DESCRIBE (SELECT * FROM spans)",
    "DESCRIBE (SELECT file('x'))",
    "DESCRIBE v_spans, v_alerts",
    "DESCRIBE 'v_spans'",
    "SELECT 1 INTO OUTFILE 'x'",
    "SELECT 1 FORMAT CSV",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1; SELECT 2",
    "SELECT {x:String}",
    "INSERT INTO v_spans VALUES (1)",
    "DESCRIBE TABLE url('http://127.0.0.1/')",
    "DESCRIBE (SELECT * FROM url('http://127.0.0.1/'))",
    "DESCRIBE spans",
    "DESCRIBE system.one",
    "KILL QUERY WHERE 1",
    "SYSTEM SHUTDOWN",
    "SET readonly = 0",
    "EXPLAIN SELECT 1",
    "SELECT `file`('secret')",
    "SELECT \"file\"('secret')",
    "SELECT sleep(3)",
    "SELECT getSetting('x')",
    "SELECT * FROM dictionary('x')",
    "SELECT dictGet('a', 'b', 1)",
    'SELECT * FROM "system"."one"',
    "",
    # names that the statement defines are no licence
    "WITH filesystem AS (SELECT 1) SELECT * FROM filesystem('/etc/passwd')",
    "WITH file AS (SELECT 1) SELECT file('/etc/passwd')",
    "WITH file AS (SELECT 1) SELECT * FROM file, file('/etc/passwd')",
    "SELECT file('/etc/passwd') FROM v_spans WINDOW file AS (PARTITION BY route)",
    "SELECT * FROM file('/etc/passwd') WINDOW file AS (PARTITION BY 1)",
    "WITH (x) -> x AS file SELECT file('/etc/passwd')",
    "WITH spans AS (SELECT 1) SELECT * FROM spans",
    "WITH Spans AS (SELECT 1) SELECT * FROM Spans",
    "WITH v_spans AS (SELECT 1) SELECT * FROM v_spans",
    "SELECT * FROM (WITH t AS (SELECT 1) SELECT * FROM t) AS a, t",
    "SELECT t.x FROM (SELECT 1 AS x) AS t JOIN t AS u ON 1 = 1",
    "WITH `spans (alias x)` AS (SELECT 1) SELECT 1",
    # tables after IN
    "SELECT 1 FROM v_spans WHERE route IN spans",
    "SELECT 1 FROM v_spans WHERE route IN (spans)",
    "SELECT 1 FROM v_spans WHERE route NOT IN system.one",
    "SELECT 1 FROM v_spans WHERE route GLOBAL IN (default.spans)",
    "SELECT 1 FROM v_spans WHERE (route, tenant) IN `spans`",
    # every other place of a table
    "SELECT (SELECT count() FROM spans)",
    "SELECT 1 FROM v_spans WHERE EXISTS (SELECT 1 FROM spans)",
    "SELECT 1 FROM v_spans ORDER BY (SELECT 1 FROM spans)",
    "SELECT 1 FROM v_spans LIMIT (SELECT 1 FROM spans)",
    "SELECT sum(1) OVER (ORDER BY (SELECT 1 FROM spans)) FROM v_spans",
    "SELECT 1 FROM v_spans UNION ALL SELECT 1 FROM spans",
    "SELECT 1 FROM v_spans EXCEPT SELECT 1 FROM spans",
    "SELECT 1 FROM v_spans ANY LEFT JOIN spans USING (route)",
    "SELECT 1 FROM v_spans CROSS JOIN spans",
    "SELECT 1 FROM v_spans, spans",
    "FROM spans SELECT 1",
    "SELECT * FROM view(SELECT 1)",
    "SELECT * FROM values('a Int8', 1)",
    "SELECT * FROM numbers(10)",
    "SELECT * FROM v_spans(x = 1)",
    # what is read differently by different parsers
    "SELECT $$x$$",
    "SELECT $t$ ' $t$, file('/etc/passwd')",
    "SELECT ‘x’",
    "SELECT 1 # comment\n",
    "SELECT 1 /* a /* b */",
    "SELECT 1 /* a",
    "SELECT 'a",
    "SELECT \\'a\\'",
    "SELECT 1\\G",
    "SELECT 1;;",
    "SELECT 1; -- x\nDROP TABLE spans",
    "SELECT @@version",
    "SELECT 1\x00",
    "SELECT `a`b`",
    # what changes how it runs, and types that are states
    "SELECT * APPLY(file) FROM v_spans",
    "SELECT * APPLY (x -> file(x)) FROM v_spans",
    "SELECT 1 FROM (SELECT 1 SETTINGS max_threads = 1)",
    "SELECT CAST('x' AS AggregateFunction(groupArray, String))",
    "SELECT 'x'::AggregateFunction(sum, UInt8)",
    "SELECT sumState(1)",
    "SELECT sumMerge(x) FROM v_spans",
    "SELECT finalizeAggregation(x) FROM v_spans",
    "SELECT arrayReduce('sum', [1])",
    "SELECT 1 FROM v_spans SELECT",
    "(SELECT 1",
    "SELECT 1)",
    "SELECT 1) UNION ALL (SELECT 2",
    "SELECT 1), (SELECT 2",
    "SELECT [1)]",
)


@pytest.mark.capability("U5")
@pytest.mark.parametrize("statement", PASS)
def test_reading_the_views_is_allowed(statement: str) -> None:
    assert checked(statement).text == statement.removesuffix(";")


@pytest.mark.parametrize("statement", REFUSED)
def test_what_leaks_or_changes_is_refused_with_a_reason(statement: str) -> None:
    with pytest.raises(SqlRefused, match=r"\w+"):
        checked(statement, {"spans", "inference_responses"})


def test_a_comment_is_taken_out_where_no_string_holds_it() -> None:
    passed = checked("SELECT '-- no', /* yes\n */ 1 -- and this")

    assert passed.text == "SELECT '-- no',   1"


def test_a_statement_without_end_is_refused() -> None:
    with pytest.raises(SqlRefused, match="at most"):
        checked("SELECT " + "1," * 20_000 + "1")


@pytest.mark.parametrize("inner", ["(", "[", "(SELECT ", "abs(", "CASE WHEN "])
def test_a_statement_of_any_depth_is_answered(inner: str) -> None:
    for depth in (10, 60, 1_000):
        with suppress(SqlRefused):  # and no other error
            checked("SELECT " + inner * depth + "1" + ")" * depth)


CALLABLE = sorted(AGGREGATES | BEFORE_PARENTHESIS | IDENTITY | MEMBERSHIP | SCALARS | TYPES | WINDOW_FUNCTIONS)
"""Every word that may stand before an opening parenthesis."""


@pytest.mark.parametrize("form", ["{}(", "{} (", "{}(1, ", "({}(", "[{}(", "1 + {}(", "{}((", "CAST({}("])
@pytest.mark.slow
def test_no_word_that_is_nested_makes_the_reading_longer_than_its_length_allows(form: str) -> None:
    """sqlglot tries `tuple(` as a type and then as a call, which doubles with each level: 24 levels would take minutes."""
    for word in CALLABLE:
        opening = form.format(word)
        for depth in (24, 62):
            with suppress(SqlRefused):
                checked("SELECT " + opening * depth + "1" + (")" * opening.count("(")) * depth)


@pytest.mark.parametrize("word", ["tuple", "date", "DateTime64", "UUID", "bool"])
def test_what_takes_too_many_steps_says_so(word: str) -> None:
    assert checked(f"SELECT {word}({word}({word}({word}(1))))")
    with pytest.raises(SqlRefused, match="more than 4 steps for each of its words and 2000 besides"):
        checked("SELECT " + f"{word}(" * 20 + "1" + ")" * 20)


def doubling(links: int, last: str) -> str:
    """A chain of WITH, each of which reads the one before it twice."""
    chain = [f"a{n} AS (SELECT a.x FROM a{n - 1} AS a, a{n - 1} AS b)" for n in range(1, links + 1)]
    return f"WITH a0 AS (SELECT 1 AS x), {', '.join(chain)} {last}"


@pytest.mark.parametrize(
    "last", ["SELECT count() FROM a{}", "SELECT 1 WHERE 1 IN a{}", "SELECT (SELECT count() FROM a{})"]
)
def test_what_a_statement_reads_is_counted_with_every_use_of_a_with(last: str) -> None:
    assert checked(doubling(8, last.format(8)))
    for links in (9, 22, 200):
        with pytest.raises(SqlRefused, match=r"reads 512 tables, .* at most 256; 'a8' alone reads 256 each time"):
            checked(doubling(links, last.format(links)))


def test_every_branch_of_a_union_counts() -> None:
    branches = " UNION ALL ".join(["SELECT x FROM a7"] * 3)
    with pytest.raises(SqlRefused, match="reads 384 tables"):
        checked(doubling(7, branches))
    with pytest.raises(SqlRefused, match="reads 384 tables"):
        checked(doubling(7, f"SELECT * FROM ({branches})"))
    with pytest.raises(SqlRefused, match="reads 258 tables"):
        checked(doubling(7, "SELECT 1, (SELECT count() FROM a7), 2 IN a7 FROM v_spans, v_alerts"))


CHAINED = {
    "SELECT 1" + "[1]" * 6_000: "more than 32 subscripts",
    "SELECT a" + ".abs(1)" * 2_000: "'abs' is called after a dot",
    "SELECT a" + "[1].abs(1)" * 1_500: "'abs' is called after a dot",
    "SELECT a" + ".`abs` (1)" * 1_500: "after a dot",
    "SELECT a" + " -> abs(1)" * 1_500: "'->' takes a name before it",
    "SELECT a" + " -> left(a)" * 1_500: "more than 16 arrows",
}
"""What sqlglot would read again for each link, and how it is refused."""


@pytest.mark.parametrize("statement", CHAINED, ids=range(len(CHAINED)))
def test_a_chain_that_is_read_again_for_each_link_is_refused(statement: str) -> None:
    with pytest.raises(SqlRefused, match=CHAINED[statement]):
        checked(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT [[[1]]][1][1][1]",
        "SELECT arrayMap((x, y) -> x + arraySum(z -> z, y), [1], [[2]]), arrayMap((x) -> x, [1])",
        "SELECT '\\xc3\\xa9', 'é', '\\\\xff'",
    ],
)
def test_usual_chains_pass(statement: str) -> None:
    assert checked(statement).text == statement


def test_a_string_that_is_no_text_is_refused_with_its_byte() -> None:
    with pytest.raises(SqlRefused, match=r"holds the byte 0xff, which is no UTF-8"):
        checked("SELECT '\\xff'")


SERVED = {
    "SHOW TABLES": "SELECT name FROM published_tables ORDER BY name",
    "show tables from default like 'v\\_%'": "SELECT name FROM published_tables WHERE name like 'v\\_%' ORDER BY name",
    "SHOW FULL TABLES FROM `default`": "SELECT name, 'VIEW' AS table_type FROM published_tables ORDER BY name",
    "SHOW DATABASES": "SELECT name FROM published_databases ORDER BY name",
    "EXISTS TABLE default.v_spans": "SELECT toUInt8(count()) AS result FROM published_tables WHERE name = 'v_spans'",
    "SELECT name FROM system.tables": "SELECT name FROM published_tables",
    'SELECT c.name FROM "system"."columns" AS c': "SELECT c.name FROM published_columns AS c",
    "SELECT default.v_spans.route FROM default.v_spans": "SELECT v_spans.route FROM v_spans",
    "SELECT 'default.v_spans', 'system.tables'": "SELECT 'default.v_spans', 'system.tables'",
    'DESC TABLE "default"."v_spans"': "DESCRIBE TABLE v_spans",
    "DESCRIBE (SELECT route FROM default.v_spans)": "DESCRIBE TABLE (SELECT route FROM v_spans)",
    "SELECT 1; -- done": "SELECT 1",
}
"""What stock clients ask, and what runs."""


@pytest.mark.capability("U5")
@pytest.mark.parametrize("statement", SERVED)
def test_names_of_the_catalog_and_the_database_are_those_of_the_published_views(statement: str) -> None:
    assert checked(statement).text == SERVED[statement]


def test_the_database_is_the_one_of_the_store() -> None:
    assert checked("SELECT 1 FROM weir.v_spans", database="weir").text == "SELECT 1 FROM v_spans"
    with pytest.raises(SqlRefused, match="database"):
        checked("SELECT 1 FROM default.v_spans", database="weir")


@given(st.text(max_size=60) | st.text("SELECTFROMv_spansfile()'`\"/*-;,.$#{} \n", max_size=80))
def test_any_text_passes_or_is_refused(text: str) -> None:
    try:
        passed = checked(text)
    except SqlRefused:
        return
    assert checked(passed.text).text == passed.text  # what runs is what is checked


@given(st.sampled_from(sorted(AGGREGATES)), st.lists(st.sampled_from(COMBINATORS), max_size=4))
def test_an_aggregate_may_be_combined_but_gives_no_state(name: str, suffixes: list[str]) -> None:
    combined = name + "".join(suffixes)

    assert is_listed(combined)
    assert not any(is_listed(combined + state) for state in ("State", "Merge", "MergeState", "SimpleState"))


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [""],
        ["DropQuery"],
        ["SelectWithUnionQuery", "SelectWithUnionQuery"],
        ["SelectWithUnionQuery (children 2)", " ExpressionList", " Identifier CSV"],
        ["SelectWithUnionQuery (children 3)", " ExpressionList", " Literal 'x'", " Identifier Native"],
        ["SelectWithUnionQuery (children 1)", " ExpressionList", "DropQuery"],
        ["SelectWithUnionQuery (children 1)", " ExpressionList (children 1)", "  Set"],
        ["SelectWithUnionQuery (children 1)", "   ExpressionList"],
        ["SelectWithUnionQuery (children 1)", " ExpressionList (children 1)", "  New Kind"],
    ],
)
def test_a_tree_of_any_other_kind_is_refused(lines: list[str]) -> None:
    with pytest.raises(SqlRefused):
        agree("\n".join(lines), frozenset())


def test_the_published_views_are_listed_to_who_asks_for_another() -> None:
    with pytest.raises(SqlRefused, match=", ".join(sorted(VIEWS))):
        checked("SELECT 1 FROM spans")


OWN = "is not published; published, without a database or with the store's own: v_accounts, v_alerts, "
OF_SYSTEM = "is not published; of system there are: tables, columns, databases, settings"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "system.query_log",
            f"system.query_log {OF_SYSTEM}",
        ),
        (
            "system.v_spans",
            f"system.v_spans {OF_SYSTEM}",
        ),
        ("other.v_spans", f"table 'other.v_spans' {OWN}"),
        ("default.spans", f"table 'default.spans' {OWN}"),
        ("x.system.tables", f"table 'x.system.tables' {OWN}"),
    ],
)
@pytest.mark.parametrize("form", ["SELECT * FROM {}", "SELECT 1 FROM v_spans WHERE route IN {}"])
def test_a_name_with_a_database_is_refused_by_what_is_published(name: str, said: str, form: str) -> None:
    with pytest.raises(SqlRefused) as refused:
        checked(form.format(name))

    assert said in str(refused.value)
