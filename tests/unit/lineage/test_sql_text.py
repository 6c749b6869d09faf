"""The text of a string of SQL: what is quoted comes back, and every escape means what it means to the engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import chdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.lineage.core.sql_strings import SqlRefused, quoted, unescaped, unquoted
from weir.lineage.read.core.sql_clauses import split
from weir.lineage.read.core.sql_parameters import bound

SIGNS = [chr(code) for code in range(1, 128) if chr(code) != "x"] + ["x41", "x0a", "x00", "é"]
"""What may stand after a backslash."""

PIECES = st.lists(st.sampled_from(["a", "é", '"', "\n", "''", *("\\" + sign for sign in SIGNS)]), max_size=12).map(
    "".join
)
"""Insides of strings of SQL."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    handle = chdb.connect(str(tmp_path_factory.mktemp("text") / "store"))  # type: ignore[no-untyped-call]  # chdb has no types
    yield handle
    handle.close()


@given(st.text())
def test_what_is_quoted_comes_back(text: str) -> None:
    assert unquoted(quoted(text)) == text
    assert unescaped(quoted(text)[1:-1]) == text


@given(st.lists(st.text(max_size=4).map(lambda text: text.replace("\\", "")), max_size=6))
def test_a_quote_may_be_written_twice_beside_an_escape(parts: list[str]) -> None:
    inside = "\\'''".join(part.replace("'", "''") for part in parts)

    assert unquoted(f"'{inside}'") == "''".join(parts)


@given(PIECES)
def test_a_string_means_what_it_means_to_the_engine(engine: Any, inside: str) -> None:
    assert engine_reads(engine, f"'{inside}'") == unquoted(f"'{inside}'")


def test_every_escape_means_what_it_means_to_the_engine(engine: Any) -> None:
    found = {sign: engine_reads(engine, f"'a\\{sign}b'") for sign in SIGNS}

    assert found == {sign: unescaped(f"a\\{sign}b") for sign in SIGNS}


@pytest.mark.parametrize("text", ["\\", "a\\\\\\", "\\x4", "\\xzz", "\\xff"])
def test_what_is_no_escape_or_no_character_is_refused(text: str) -> None:
    with pytest.raises(SqlRefused, match="no escape that is served"):
        unescaped(text)


def test_a_clause_and_a_parameter_are_read_the_same_way() -> None:
    written = "\\e\\d \\x41 \\\\ \\' \\t"
    meant = "\x1b\\d A \\ ' \t"

    assert split(f"SELECT 1 SETTINGS a = '{written}'").settings == {"a": meant}
    assert bound("SELECT {x:String}", {"x": written}) == f"SELECT {quoted(meant)}"


def engine_reads(engine: Any, literal: str) -> str:
    """The text that a literal is to the engine."""
    return bytes.fromhex(engine.query(f"SELECT hex({literal})", "TSVRaw").bytes().decode().strip()).decode()
