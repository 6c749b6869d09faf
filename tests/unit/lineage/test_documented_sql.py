"""Every statement that the documentation shows is served by the gate and the engine, with the columns that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.docs.named_commands import PLACEHOLDER
from harness.docs.pages import blocks_of, pages, quoted, read
from weir.lineage.core.sql_strings import SqlRefused
from weir.lineage.read.operator_sql import OperatorSql
from weir.lineage.settings import LineageSettings
from weir.lineage.store.store import QueryFailed, Store


def statements_of(text: str) -> Iterator[str]:
    """The statements of a page: blocks of SQL, what `weir sql` is asked, and what begins like one between backquotes."""
    for block in blocks_of("", text):
        if block.language == "sql":
            yield block.text
        elif block.language == "sh":
            yield from (
                found[1] for line in block.text.splitlines() if (found := re.match(r'weir sql "([^"]*)"', line))
            )
    for words in quoted(text):
        if words.startswith("weir sql ") and "..." not in words and not words.startswith("weir sql --"):
            yield shlex.split(words)[2]
        elif re.match(r"SELECT \w.* FROM v_", words):
            yield words


STATEMENTS = [(page, PLACEHOLDER.sub("x", one)) for page in pages() for one in dict.fromkeys(statements_of(read(page)))]


@pytest.fixture
def sql(store: Store, tmp_path: Path) -> Iterator[OperatorSql]:
    sql = OperatorSql(LineageSettings(data_dir=tmp_path / "data"))
    yield sql
    sql.close()


async def test_what_the_pages_show_is_served(sql: OperatorSql) -> None:
    assert len(STATEMENTS) >= 10
    for page, statement in STATEMENTS:
        try:
            answer = await sql.ask(statement)
        except (SqlRefused, QueryFailed) as error:
            pytest.fail(f"{page}: {statement}: {error}")
        assert answer.columns, f"{page}: {statement}"


def test_statements_are_found_in_blocks_commands_and_sentences() -> None:
    page = '```sql\nSELECT 1\n```\n```sh\nweir sql "SELECT 2"  # two\n```\n`weir sql "SELECT 3"`, `SELECT a FROM v_x`, `a SELECT`'

    assert [one.strip() for one in statements_of(page)] == ["SELECT 1", "SELECT 2", "SELECT 3", "SELECT a FROM v_x"]
