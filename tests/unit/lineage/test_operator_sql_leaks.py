"""Operator SQL over the real engine: a corpus of leaks is refused, and no zone is ever a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from weir.lineage.core.sql_strings import SqlRefused
from weir.lineage.read.core.sql_gate import checked
from weir.lineage.read.core.sql_names import CATALOG, HIGHER_ORDER, MEMBERSHIP, READABLE, TABLE_FUNCTIONS_TOO, is_listed
from weir.lineage.read.core.sql_tree import agree, explaining
from weir.lineage.read.operator_sql import OperatorSql

PAGES = Path(__file__).parents[3] / "docs"
"""They name counts that only the engine knows."""


CANARY = "canary-that-nobody-may-read"


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    path = tmp_path / "canary.txt"
    path.write_text(CANARY)
    return path


def table_statements(tables: Iterable[str]) -> Iterator[str]:
    """Every table function in every place of a table, and under every name that could hide it."""
    for name in tables:
        call = f"{name}('x')"
        yield from (
            f"SELECT * FROM {call}",
            f"SELECT * FROM v_spans, {call}",
            f"SELECT * FROM v_spans AS a JOIN {call} AS b ON 1 = 1",
            f"SELECT 1 FROM v_spans WHERE route IN (SELECT * FROM {call})",
            f"SELECT 1 UNION ALL SELECT * FROM {call}",
            f"SELECT (SELECT count() FROM {call})",
            f"WITH {name} AS (SELECT 1) SELECT * FROM {call}",
            f"WITH t AS (SELECT * FROM {call}) SELECT * FROM t",
            f"SELECT * FROM {call} WINDOW {name} AS (PARTITION BY 1)",
            f"SELECT * FROM {name}/* */('x')",
            f"SELECT * FROM `{name}`('x')",
            f"SELECT * FROM {name.upper()}('x')",
            f"DESCRIBE TABLE {call}",
        )


def function_statements(functions: Iterable[str]) -> Iterator[str]:
    """Every function that is not listed, in every place of a function, and under every name that could hide it."""
    for name in functions:
        yield from (
            f"SELECT {name}('x')",
            f"WITH {name} AS (SELECT 1) SELECT {name}('x')",
            f"WITH 1 AS {name} SELECT {name}('x')",
            f"SELECT 1 AS {name}, {name}('x')",
            f"SELECT {name}('x') FROM v_spans WINDOW {name} AS (ORDER BY route)",
            f"SELECT `{name}`('x')",
            f"SELECT {name} /* */ ('x')",
            f"SELECT arrayMap(x -> {name}(x), ['x'])",
            f"SELECT 1 FROM v_spans ORDER BY {name}(route)",
            f"SELECT sum(1) OVER (PARTITION BY {name}(route)) FROM v_spans",
        )


async def test_every_leak_that_the_engines_own_lists_name_is_refused(sql: OperatorSql, direct: Any) -> None:
    tables = [str(name) for (name,) in direct.query("SELECT name FROM system.table_functions").result_rows]
    known = [str(name) for (name,) in direct.query("SELECT name FROM system.functions").result_rows]
    stored = [str(name) for (name,) in direct.query("SHOW TABLES").result_rows if name not in READABLE]
    systems = [str(name) for (name,) in direct.query("SHOW TABLES FROM system").result_rows if name not in CATALOG]
    unlisted = [name for name in known if not is_listed(name) and name.lower() not in MEMBERSHIP]
    statements = [
        *table_statements(tables),
        *function_statements(unlisted),
        *(f"SELECT * FROM {name}" for name in (*stored, *(f"system.{name}" for name in systems))),
        *(
            f"SELECT 1 FROM v_spans WHERE route IN {name}"
            for name in (*stored, *(f"system.{name}" for name in systems))
        ),
    ]
    assert len(tables) > 80
    assert len(unlisted) > 700
    assert f"{len(statements):,} statements" in (PAGES / "security.md").read_text()
    listed = {name.lower() for name in known if is_listed(name)}
    assert f"{len(listed)} of the engine's functions" in (PAGES / "sql.md").read_text()

    passed = [statement for statement in statements if _passes(statement, stored)]

    assert passed == []


def _passes(statement: str, stored: Iterable[str]) -> bool:
    try:
        checked(statement, set(stored))
    except SqlRefused:
        return False
    return True


async def test_a_bare_name_is_no_function(direct: Any, canary: Path) -> None:
    """The engine takes `arrayMap(file, [...])` for a call of file(): each listed function is tried with such names."""
    assert CANARY in str(direct.query(f"SELECT arrayMap(file, ['{canary}'])").result_rows)
    listed = [str(name) for (name,) in direct.query("SELECT name FROM system.functions").result_rows if is_listed(name)]
    tables = {str(name) for (name,) in direct.query("SELECT name FROM system.table_functions").result_rows}
    assert len(listed) > 500
    assert {name.lower() for name in listed} & {name.lower() for name in tables} == TABLE_FUNCTIONS_TOO
    for name in listed:
        forms = FORMS if name.lower() in HIGHER_ORDER else FORMS[:2]
        for arguments in forms:
            statement = f"SELECT {name}({arguments.replace('{}', str(canary))})"
            if name.lower() in HIGHER_ORDER and arguments.startswith("file"):
                assert await gate_refuses(direct, statement), statement
            else:
                with suppress(ClickHouseError):
                    assert CANARY not in str(direct.query(statement).result_rows), statement


FORMS = ("file, ['{}']", "'{}'", "file, map('{}', '{}')", "file, ['{}'], ['x']", "1, file, ['{}']")
"""Arguments by which a function could be made to call file() on the canary."""


async def gate_refuses(direct: Any, statement: str) -> bool:
    """Whether the gate refuses a statement; one that the engine cannot read runs nowhere."""
    try:
        passed = checked(statement)
        agree(str(direct.command(explaining(passed.text))), passed.names)
    except (SqlRefused, ClickHouseError):
        return True
    return False


@pytest.mark.parametrize(
    "expression",
    [
        "toString(toDateTime(0, {}))",
        "toTimeZone(now(), {})",
        "now({})",
        "CURRENT_TIMESTAMP({})",
        "now64(3, {})",
        "formatDateTime(now(), '%F', {})",
        "parseDateTime('2020', '%Y', {})",
        "parseDateTimeBestEffort('2020-01-01', {})",
        "toStartOfHour(now(), {})",
        "toStartOfInterval(now(), INTERVAL 1 HOUR, {})",
        "toStartOfInterval(now(), INTERVAL 1 HOUR, toDateTime(0), {})",
        "dateDiff('hour', now(), now(), {})",
        "makeDateTime(2020, 1, 1, 1, 1, 1, {})",
        "arrayMap(t -> toTimeZone(t, {}), [now()])",
    ],
)
async def test_a_zone_is_never_a_file(sql: OperatorSql, canary: Path, expression: str) -> None:
    """The engine reads the zone 'file:PATH' from that path, and hangs on a pipe."""
    path = f"file:{canary}"
    for zone in (
        f"'{path}'",
        f"concat('fi', 'le:{canary}')",
        f"'fi\\x6ce:{canary}'",
        f"'{canary}'",
        "'../canary'",
        "'UTC\\n'",
        "route",
        f"['{path}'][1]",
        f"(SELECT '{path}')",
        "x",
    ):
        with pytest.raises(SqlRefused, match="zone"):
            await sql.ask(f"WITH '{path}' AS x SELECT {expression.format(zone)} FROM v_spans")
    await sql.ask(f"SELECT {expression.format(repr('Asia/Seoul'))}")


@pytest.mark.parametrize(
    "expression",
    [
        "CAST(0 AS DateTime('file:/x'))",
        "CAST(0, 'DateTime(\\'file:/x\\')')",
        "0::DateTime64(3, 'file:/x')",
        "0::Array(DateTime('file:/x'))",
        "JSONExtract('{}', 'a', 'DateTime(\\'file:/x\\')')",
        "JSONExtract('{}', 'a', 'Tuple(a DateTime64(3, \\'file:/x\\'))')",
        "JSONExtract('{}', 'a', 'DateTime($$file:/x$$)')",
    ],
)
async def test_a_zone_in_a_type_is_never_a_file(sql: OperatorSql, expression: str) -> None:
    with pytest.raises(SqlRefused):
        await sql.ask(f"SELECT {expression}")


HEADS = (
    "",
    *(f"{one}, " for one in ("now()", "1", "'hour'", "'2020-01-01 00:00:00'")),
    "now(), 1, ",
    "now(), '%F', ",
    "1, 3, ",
    "1, '%F', ",
    "'2020', 3, ",
    "'2020', '%Y', ",
    "'hour', now(), ",
    "now(), INTERVAL 1 HOUR, ",
    "'hour', now(), now(), ",
    "now(), INTERVAL 1 HOUR, now(), ",
    "now(), INTERVAL 1 HOUR, INTERVAL 2 HOUR, ",
    "2020, 1, 1, 1, 1, 1, ",
    "2020, 1, 1, 1, 1, 1, 1, 3, ",
)
"""Arguments before a zone."""


async def test_every_function_that_takes_a_zone_is_known(direct: Any) -> None:
    """The engine is asked, for each listed function, whether it looks for a zone in a file; the gate refuses those."""
    known = direct.query("SELECT name FROM system.functions WHERE NOT is_aggregate").result_rows
    found = set()
    for name, head in ((name, head) for (name,) in known if is_listed(name) for head in HEADS):
        if name not in found:
            statement = f"SELECT {name}({head}'file:/no-such-zone')"
            try:
                direct.query(statement)
            except ClickHouseError as error:
                if "Cannot load time zone" in str(error):
                    found.add(name)
                    assert await gate_refuses(direct, statement), statement
    assert len(found) > 100
