"""Native at a client's protocol version: the engine's bytes with what that version adds between them, for every type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.lineage.core.sql_strings import quoted
from weir.lineage.read.core.native_blocks import BLOCK_INFO, NotWalked, at_version, empty_block
from weir.lineage.read.core.sql_settings import APPLIED

EXPRESSIONS = (
    "toUInt8(number)", "toInt16(number)", "toInt128(number)", "toUInt256(number)", "toFloat32(number)", "number > 1",
    "toDate('2026-11-24')", "toDate32('1950-01-01')", "toDateTime(number, 'Asia/Seoul')", "toDateTime64(number, 6, 'UTC')",
    "toString(number)", "toFixedString('abc', 3)", "generateUUIDv4()", "toIPv4('1.2.3.4')", "toIPv6('::1')", "NULL",
    "toDecimal32(number, 2)", "toDecimal64(number, 2)", "toDecimal128(number, 2)", "toDecimal256(number, 2)",
    "CAST('a', 'Enum8(\\'a\\' = 1, \\'b (c, d)\\' = 2)')", "CAST('a', 'Enum16(\\'a\\' = 1)')", "INTERVAL 1 DAY",
    r"CAST('x', 'Nullable(Enum8(\'x\\\\\' = 1, \'x\' = 2, \'q\\\'(\' = 3))')",
    "if(number % 2, NULL, toString(number))", "toLowCardinality(toString(number % 3))", "repeat('x', 300)",
    "toLowCardinality(toNullable(toString(number)))", "range(number)", "[[], [toString(number)], ['']]",
    "arrayMap(x -> toLowCardinality(toString(x)), range(number))", "(number, toString(number), [NULL, 1])",
    "CAST((1, 'x'), 'Tuple(`a b` UInt8, kind LowCardinality(String))')", "map('a', number, 'b', 2)",
    "map(toLowCardinality('a'), [(1, NULL)])", "[]", "tuple()", "CAST([(1, 'x')], 'Nested(a UInt8, b String)')",
    "CAST(1, 'SimpleAggregateFunction(sum, UInt64)')", "CAST(number, 'Time64(3)')",
)  # fmt: skip
"""Expressions over `number`, together of every type that can be in an answer."""

TAIL = b"\x04tail\x05UInt8"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    handle = chdb.connect(str(tmp_path_factory.mktemp("native") / "store"))  # type: ignore[no-untyped-call]  # chdb has no types
    yield handle
    handle.close()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_column_of_any_type_is_walked_over_to_the_next(engine: Any, expression: str) -> None:
    """Two blocks, each with a last column whose place shows whether the walk before it was right."""
    query = (
        f"SELECT {expression} AS v, toUInt8(42) AS tail FROM numbers(5)"
        " SETTINGS max_block_size = 3, allow_suspicious_low_cardinality_types = 1"
    )
    plain = engine.query(query, "Native").bytes()
    blocks = plain.count(TAIL)
    assert blocks > 0

    with_info, with_flags = at_version(plain, 54_405), at_version(plain, 54_460)

    assert at_version(plain, 0) == plain
    assert (with_info.count(BLOCK_INFO), with_info.replace(BLOCK_INFO, b"")) == (blocks, plain)
    assert with_flags.startswith(BLOCK_INFO + b"\x02")
    assert with_flags.count(TAIL + b"\x00" + b"\x2a") == blocks
    assert len(with_flags) == len(plain) + blocks * (len(BLOCK_INFO) + 2)


@given(st.lists(st.text("x\\'`(), é", max_size=4), min_size=1, max_size=3, unique=True))
def test_a_name_in_an_enum_is_not_read_as_a_part_of_its_type(names: list[str]) -> None:
    """Backslashes, quotes and brackets in it, as the engine escapes them."""
    values = ", ".join(f"{quoted(name)} = {number}" for number, name in enumerate(names))
    head = empty_block([("v", f"Nullable(Enum8({values}))")])[2:]
    nulls_and_numbers, tail = b"\x00\x00\x00\x00", b"\x2a\x2a"

    walked = at_version(b"\x02\x02" + head + nulls_and_numbers + TAIL + tail, 54_460)

    assert walked == BLOCK_INFO + b"\x02\x02" + head + b"\x00" + nulls_and_numbers + TAIL + b"\x00" + tail


@pytest.mark.parametrize("type_name", ["JSON", "Dynamic", "Variant(String, UInt8)"])
def test_a_type_that_is_not_walked_over_is_refused_by_name(engine: Any, type_name: str) -> None:
    value = "'{\"a\": 1}'" if type_name == "JSON" else "1::UInt8"
    plain = engine.query(f"SELECT CAST({value}, '{type_name}') AS v", "Native").bytes()

    with pytest.raises(NotWalked, match="toString"):
        at_version(plain, 54_460)
    assert at_version(plain, 0) == plain


def test_an_empty_block_is_what_the_engine_writes_for_its_columns(engine: Any) -> None:
    """Its head but for the rows: the engine writes no block where there are none."""
    (row,) = [engine.query("SELECT 'x' AS `a b`, toUInt8(1) AS tail", "Native").bytes()]
    block = empty_block([("a b", "String"), ("tail", "UInt8")])

    assert block == row.replace(b"\x02\x01\x03a b", b"\x02\x00\x03a b").replace(b"String\x01x", b"String").removesuffix(
        b"\x01"
    )
    assert at_version(block, 54_460) == BLOCK_INFO + b"\x02\x00\x03a b\x06String\x00\x04tail\x05UInt8\x00"


@given(st.integers(0, 60), st.sampled_from([1, 54_460]))
def test_an_answer_that_ends_early_is_refused(cut: int, version: int) -> None:
    whole = b"\x02\x02\x01v\x06String\x01a\x02bc\x04tail\x05UInt8\x2a\x2a"
    if cut in (0, len(whole)) or cut > len(whole):
        return
    with pytest.raises(NotWalked):
        at_version(whole[:cut], version)


def test_the_settings_that_are_listed_are_those_that_are_applied(engine: Any) -> None:
    text = (Path(__file__).parents[3] / "services/weir/lineage/store/migrations/0010_published_catalog.sql").read_text()
    listed = set(re.findall(r"'([a-z_0-9]+)'", text.split("FROM system.settings")[1]))

    assert listed == APPLIED
    known = engine.query("SELECT name FROM system.settings", "TSVRaw").bytes().decode().split()
    assert set(known) >= APPLIED
