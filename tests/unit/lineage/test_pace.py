"""How long the sink gathers: in proportion to its inserts, never beyond the limit, and not at all before the first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from weir.lineage.settings import LineageSettings
from weir.lineage.sink.core.pace import REST, Pace

seconds = st.floats(0, 1_000)


@given(st.lists(st.tuples(seconds, seconds), max_size=20), st.floats(0, 60))
def test_a_rest_is_in_proportion_to_the_inserts_until_its_limit(
    rounds: list[tuple[float, float]], most_s: float
) -> None:
    pace, now_s = Pace(most_s), 0.0
    for idle_s, took_s in rounds:
        begun_s = now_s + idle_s
        ended_s = begun_s + took_s
        rest_s = pace.note_inserts(begun_s, ended_s)

        assert rest_s == pytest.approx(min(REST * took_s, most_s), abs=1e-9)
        assert not pace.rests(ended_s + rest_s)
        now_s = ended_s + rest_s


def test_nothing_waits_before_the_first_inserts_and_what_comes_after_a_rest_is_inserted_at_once() -> None:
    pace = Pace(1.0)
    assert not pace.rests(0.0)

    assert pace.note_inserts(10.0, 10.1) == pytest.approx(0.4)
    assert pace.rests(10.4)
    assert not pace.rests(10.6)
    assert not pace.rests(1_000.0)


def test_a_store_that_was_away_for_minutes_is_not_rested_from_for_minutes() -> None:
    assert Pace(1.0).note_inserts(0.0, 600.0) == 1.0


@pytest.mark.parametrize("rest_s", [-0.1, 60.1])
def test_a_rest_that_is_none_or_hides_rows_for_more_than_a_minute_is_refused(rest_s: float) -> None:
    with pytest.raises(ValidationError, match="rest_max_s|REST_MAX_S"):
        LineageSettings(rest_max_s=rest_s)
