"""The ledger can find what it looks for: a missing event, one that is there twice, a promise that did not hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.accounts.ledger import Row, total

CLEAN = Row("a fault", 1, acknowledged=100, stored=90, dead_lettered=4, shed=5, corrupt=1)
PLACES = ("stored", "dead_lettered", "shed", "corrupt")
COUNTS = st.integers(min_value=0, max_value=1_000_000)


@given(counts=st.fixed_dictionaries(dict.fromkeys(PLACES, COUNTS)), missing=COUNTS)
def test_whatever_is_in_no_place_is_lost(counts: dict[str, int], missing: int) -> None:
    row = Row("a fault", 1, sum(counts.values()) + missing, **counts)  # type: ignore[arg-type]  # counts by name

    assert row.lost == missing
    assert row.is_clean == (missing == 0 and row.acknowledged > 0)


@pytest.mark.parametrize("place", PLACES)
def test_a_row_with_one_event_less_anywhere_is_not_clean(place: str) -> None:
    assert CLEAN.is_clean
    assert not replace(CLEAN, **{place: getattr(CLEAN, place) - 1}).is_clean


@pytest.mark.parametrize(
    "broken",
    [
        replace(CLEAN, duplicates=1),
        replace(CLEAN, stored=91),
        replace(CLEAN, problem="memory grew by 60 MiB"),
        Row("nothing happened", 1, acknowledged=0, stored=0),
    ],
    ids=["a duplicate", "more stored than acknowledged", "another promise broken", "nothing acknowledged"],
)
def test_every_other_way_to_break_the_promise_shows(broken: Row) -> None:
    assert not broken.is_clean


def test_the_sum_counts_every_row_and_keeps_the_longest_recovery() -> None:
    summed = total([replace(CLEAN, recovery_s=3.0), replace(CLEAN, duplicates=2, recovery_s=7.0)])

    assert (summed.acknowledged, summed.stored, summed.lost, summed.duplicates) == (200, 180, 0, 2)
    assert summed.recovery_s == 7.0
