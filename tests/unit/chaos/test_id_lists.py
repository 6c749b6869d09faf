"""Ids are asked for in parts that a statement can hold; none is left out or asked twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.store.id_lists import IDS_AT_ONCE, at_once, quoted


@given(st.integers(min_value=0, max_value=3 * IDS_AT_ONCE))
def test_the_parts_together_are_the_ids_in_their_order(count: int) -> None:
    ids = [f"id-{number}" for number in range(count)]
    parts = list(at_once(ids))

    assert [one for part in parts for one in part] == ids
    assert all(0 < len(part) <= IDS_AT_ONCE for part in parts)


def test_the_ids_stand_as_sql_takes_them() -> None:
    assert f"IN ({quoted(['a-1', 'b-2'])})" == "IN ('a-1','b-2')"
