"""Arguments before the gate, without an engine: zones, types and regular expressions that leak or take too long are refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.lineage.read.core.sql_arguments import check_pattern, check_type, check_zone_name
from weir.lineage.read.core.sql_gate import SqlRefused


@given(st.text(max_size=70) | st.text("file:/.UTC+-_Asia\n\\'", max_size=40))
def test_a_zone_is_a_plain_name(name: str) -> None:
    """Whatever passes names no path: no colon, no dot, no leading slash."""
    try:
        check_zone_name(name)
    except SqlRefused:
        return
    assert not set(name) & set(":.\\'\n \0")
    assert name.strip("/") == name != ""


@pytest.mark.parametrize("name", ["UTC", "Asia/Seoul", "Etc/GMT+5", "America/Argentina/Buenos_Aires"])
def test_a_zone_that_exists_passes(name: str) -> None:
    check_zone_name(name)
    check_type(f"Array(Tuple(DateTime('{name}'), DateTime64(3, '{name}'), Enum8('a (b' = -1, '' = 2)))")


@pytest.mark.parametrize(
    "text",
    [
        "DateTime('file:/x')",
        "Nullable(DateTime64(3, 'file:/x'))",
        "DateTime('/etc/x')",
        "DateTime('../x')",
        "DateTime($$file:/x$$)",
        "DateTime(/*'*/ 'file:/x' /*'*/)",
        "DateTime(--'\n'file:/x')",
        "DateTime('fi\\x6ce:/x')",
        "Tuple(`'` DateTime('file:/x'), `'` UInt8)",
        "Tuple(Enum8('a' = 1), DateTime('file:/x'))",
    ],
)
def test_a_type_with_another_zone_is_refused(text: str) -> None:
    with pytest.raises(SqlRefused):
        check_type(text)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a?){1000}b",
        "(a?){101}",
        "(a?){0,101}",
        "((a?){50}){50}",
        "(a{100}){11}",
        "(a?){100}" * 10,
        "a{2}" * 65,
        "(a{9}\\Q)(\\E){100}",
        "a)",
        "(\\pL?){100}",
        "[\\PL]{100}",
        "[)]{99}[]{)]{99}(){9}([(]{99}){90}",
        "a{" + "9" * 5_000 + "}",
    ],
)
def test_a_large_regular_expression_is_refused(pattern: str) -> None:
    with pytest.raises(SqlRefused):
        check_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "(?i)python",
        r"([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{12}",
        r"(\d{1,3}\.){3}\d{1,3}",
        r"\x{1F600}+[[:alpha:]{}]*?$",
        r"\(\)\{200}",
    ],
)
def test_a_usual_regular_expression_passes(pattern: str) -> None:
    check_pattern(pattern)


@given(st.text("a(){}[]?*+,0129\\^|:", max_size=60))
def test_any_pattern_passes_or_is_refused(pattern: str) -> None:
    with suppress(SqlRefused):  # and no other error
        check_pattern(pattern)
