"""Which names stand for what a statement makes: found with one look at each name, however they stand behind each other."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.lineage.read.core.sql_search import is_column, names_of_made
from weir.lineage.read.core.sql_tree import agree

ALIASES = 300
"""Aliases of the shorter statement. Chosen: enough that the work for each of them is most of the work."""

NAMES = st.sampled_from(["a", "b", "c", "d", "e", "a.b", "c.d", "range(9)", "E"])


@given(st.frozensets(st.sampled_from("abcde")), st.lists(st.tuples(st.sampled_from("abcde"), NAMES), max_size=8))
def test_a_name_of_a_made_name_is_made(made: frozenset[str], copies: list[tuple[str, str]]) -> None:
    """Against the definition, applied as often as there are names."""
    expected = set(made)
    for _ in copies:
        expected |= {copy for copy, name in copies if not is_column(name, expected)}

    assert names_of_made(made, copies) == expected


@pytest.mark.parametrize("is_reversed", [False, True])
def test_the_work_grows_as_the_aliases_do(is_reversed: bool) -> None:
    short, long = (operations(partial(agree, chain(n, is_reversed), frozenset())) for n in (ALIASES, 2 * ALIASES))

    assert short > ALIASES
    assert long < 2.2 * short


def chain(length: int, is_reversed: bool) -> str:
    """The engine's tree of `SELECT 1 AS a0, a0 AS a1, a1 AS a2, ...`, or of the same names the other way round."""
    names = [f"    Identifier a{place} (alias a{place + 1})" for place in range(length)]
    return "\n".join(
        [
            "SelectWithUnionQuery (children 1)",
            " ExpressionList (children 1)",
            "  SelectQuery (children 1)",
            f"   ExpressionList (children {length + 1})",
            "    Literal UInt64_1 (alias a0)",
            *(reversed(names) if is_reversed else names),
        ]
    )


def operations(work: Callable[[], None]) -> int:
    """Calls of functions that the work makes, those of the library's own too."""
    count = 0

    def look(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count
