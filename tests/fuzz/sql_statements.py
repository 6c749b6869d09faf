"""Statements of a grammar that loves what is forbidden: whatever the gate passes reads the published views alone.

Two canaries tell: a file that file() would read, and a table that no view shows. A statement that passed is run, with
its rows looked at; it is also held against the engine's own list of what it would read (EXPLAIN QUERY TREE).
"""

from __future__ import annotations

import logging
import random
import re
import tempfile
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.exceptions import ClickHouseError

from weir.lineage.read.core.sql_clauses import split
from weir.lineage.read.core.sql_gate import SqlRefused, checked
from weir.lineage.read.core.sql_names import HIGHER_ORDER, READABLE, SCALARS, VIEWS
from weir.lineage.read.core.sql_parameters import bound
from weir.lineage.read.core.sql_tree import agree, explaining
from weir.lineage.settings import LineageSettings
from weir.lineage.store.migrate import migrations
from weir.lineage.store.store import open_client

CATALOG_MIGRATION = "0010_published_catalog.sql"

CANARY = "canary-that-nobody-may-read"

DEPTH_MAX = 5
"""Levels of a statement. Chosen: subqueries in subqueries, some hundred characters."""

READS = re.compile(
    r"(?:table_name|table_function_name): ([^\s,]+)|function_name: (file|joinGet|dictGet|hostName|getSetting)\b"
)
"""What a line of the analysed statement reads: a table, a table function, or a function that the grammar tempts with."""

LIMITS = {"max_execution_time": 2, "max_memory_usage": 200_000_000, "max_threads": 1, "limit": 100}

SECRETS = (
    "secret",
    "default.secret",
    "`secret`",
    '"secret"',
    "system.one",
    "system.tables",
    "system.columns",
    "system.processes",
    "default.v_spans",
    "published_tables",
    "`default`.`secret`",
    "spans",
)

CALLS = ("file('{}')", "file/**/('{}')", "`file`('{}')", "arrayMap(file, ['{}'])", "arrayMap(x -> file(x), ['{}'])",
         "joinGet('secret', 'x', 1)", "dictGet('secret', 'x', 1)", "hostName()", "getSetting('readonly')", "f(1)")  # fmt: skip

TABLE_CALLS = ("file('{}', 'LineAsString')", "url('http://127.0.0.1:1/')", "merge('default', '.*')", "numbers(3)",
               "view(SELECT * FROM secret)", "remote('127.0.0.1', default.secret)", "mergeTreeIndex('default', 'secret')",
               "loop(secret)", "viewIfPermitted(SELECT * FROM secret ELSE null('x String'))",
               "values('x String', 'a')")  # fmt: skip

NAMES = ("t", "u", "file", "secret", "numbers", "x", "v_spans", "filesystem", "f", "Secret")

TRICKS = ("--\n", "/* */", "/*", "*/", ";", "'", "`", "\\", "$$", "{x:String}", " FORMAT CSV", " SETTINGS readonly = 0",
          " INTO OUTFILE 'x'", "\0", "\u2019", "#", ")", "(", " UNION ALL ", ",")  # fmt: skip


def run(seed: int, cases: int) -> None:
    """Try `cases` statements. Raises AssertionError with one that passed and read more than the views."""
    rng = random.Random(seed)
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        canary = Path(folder) / "canary.txt"
        canary.write_text(CANARY)
        client = open_client(LineageSettings(data_dir=Path(folder) / "data"), LIMITS)
        try:
            _prepare(client)
            for _ in range(cases):
                statement = _statement(rng, str(canary))
                _try(client, statement)
                _try(client, _of_stock_client(rng, statement, str(canary)))
        finally:
            client.close()


def _prepare(client: Any) -> None:
    client.command("CREATE TABLE secret (x String) ENGINE = Memory")
    client.command(f"INSERT INTO secret VALUES ('{CANARY}')")
    client.command("CREATE TABLE spans (x String, n Int64, a Array(Int64)) ENGINE = Memory")
    client.command("INSERT INTO spans VALUES ('one', 1, [1, 2]), ('two', 2, [])")
    for view in sorted(VIEWS):
        client.command(f"CREATE VIEW {view} AS SELECT * FROM spans")
    for migration in migrations():
        if migration.name == CATALOG_MIGRATION:
            for statement in migration.statements():
                client.command(statement)


def _of_stock_client(rng: random.Random, statement: str, canary: str) -> str:
    """The statement as it comes over HTTP: parameters written out, the clauses at its end taken off."""
    text = statement
    if rng.random() < 0.7:
        slot = rng.choice(("'a'", "x", "v_spans", "spans"))
        parameter = rng.choice(("{p:String}", "{p:Identifier}", "{p:Array(String)}", "{p:DateTime('UTC')}"))
        text = statement.replace(slot, parameter, 1) + rng.choice(("", " FORMAT Native", " SETTINGS limit = 1"))
    value = rng.choice(
        ("secret", f"file('{canary}')", "') UNION ALL SELECT * FROM secret --", "['a']", "v_spans", "\\N", "\\'")
    )
    try:
        return split(bound(text, {"p": value} if "{p:" in text else {})).text
    except SqlRefused:
        return ""


def _try(client: Any, statement: str) -> None:
    try:
        passed = checked(statement, {"secret", "spans"})
        agree(str(client.command(explaining(passed.text))), passed.names)
    except (SqlRefused, ClickHouseError):
        return  # refused, or nothing that the engine can read
    for name in _reads(client, passed.text):
        assert name in READABLE or name in passed.names, f"{statement!r} passed and reads {name}"
    try:
        rows = client.query(passed.text).result_rows
    except (ClickHouseError, UnicodeDecodeError):
        return
    assert CANARY not in str(rows), f"{statement!r} passed and answered {rows!r}"


def _reads(client: Any, text: str) -> set[str]:
    """Tables and table functions that the analysed statement names, views not followed."""
    try:
        lines = client.query(f"EXPLAIN QUERY TREE {text}").result_rows
    except ClickHouseError:
        return set()
    found = {match[1] or match[2] for (line,) in lines for match in READS.finditer(str(line)) if match[1] or match[2]}
    return {name.removeprefix("default.") for name in found} - {"system.one"}  # of a SELECT without FROM


def _statement(rng: random.Random, canary: str) -> str:
    text = _select(rng, 0).replace("{}", canary)
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(TRICKS) + text[at:]
    return text


def _select(rng: random.Random, depth: int) -> str:
    with_part = ""
    if rng.random() < 0.3:
        name = rng.choice(NAMES)
        forms = (f"{name} AS ({_select(rng, depth + 1)})", f"{_value(rng, depth + 1)} AS {name}", f"(x) -> x AS {name}")
        definition = rng.choice(forms)
        with_part = f"WITH {definition} "
    fields = ", ".join(_value(rng, depth) for _ in range(rng.randrange(1, 3)))
    parts = [f"{with_part}SELECT {fields}"]
    if rng.random() < 0.85:
        parts.append(f"FROM {_table(rng, depth)}")
        if rng.random() < 0.25:
            parts.append(
                rng.choice((f", {_table(rng, depth)}", f"CROSS JOIN {_table(rng, depth)}", "ARRAY JOIN a AS b"))
            )
        if rng.random() < 0.3:
            parts.append(f"WHERE {_condition(rng, depth)}")
        if rng.random() < 0.15:
            parts.append(f"WINDOW {rng.choice(NAMES)} AS (ORDER BY {_value(rng, depth)})")
        if rng.random() < 0.2:
            parts.append(f"ORDER BY {_value(rng, depth)} LIMIT 5")
    if depth < DEPTH_MAX and rng.random() < 0.15:
        parts.append(rng.choice(("UNION ALL ", "EXCEPT ", "INTERSECT ")) + _select(rng, depth + 1))
    return " ".join(parts)


def _table(rng: random.Random, depth: int) -> str:
    chance = rng.random()
    if chance < 0.55:
        return rng.choice(sorted(VIEWS))
    if chance < 0.65 and depth < DEPTH_MAX:
        return f"({_select(rng, depth + 1)}) AS {rng.choice(NAMES)}"
    if chance < 0.75:
        return rng.choice(NAMES)
    return rng.choice(SECRETS if chance < 0.88 else TABLE_CALLS)


def _condition(rng: random.Random, depth: int) -> str:
    target = rng.choice(
        (*SECRETS, *NAMES, *sorted(VIEWS), "('a', 'b')", "[1]", "format('x')", f"({_select(rng, depth + 1)})")
    )
    word = rng.choice(("IN", "NOT IN", "GLOBAL IN", "IN ("))
    return f"x {word} {target}{')' if word.endswith('(') else ''}" if rng.random() < 0.7 else _value(rng, depth)


def _value(rng: random.Random, depth: int) -> str:
    chance = rng.random()
    if chance < 0.35 or depth >= DEPTH_MAX:
        return rng.choice(
            ("x", "n", "1", "'a'", "*", "count()", "a", "n + 1", "NULL", "*  EXCEPT (a)", "* APPLY(file)")
        )
    if chance < 0.45:
        return rng.choice(CALLS)
    if chance < 0.6:
        return f"({_select(rng, depth + 1)})"
    if chance < 0.7:
        return f"{rng.choice(sorted(HIGHER_ORDER))}({rng.choice(('file', 'x -> x', 'x -> file(x)'))}, ['{{}}'])"
    if chance < 0.8:
        return f"sum(n) OVER (PARTITION BY {_value(rng, depth + 1)})"
    return f"{rng.choice(sorted(SCALARS))}({_value(rng, depth + 1)})"
