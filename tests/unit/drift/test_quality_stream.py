"""Stream: laws of the step over any scores, then a drop and its end by example."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unit.drift.quality_scores import KEY, SMALL, draws, followed, monitored, score
from weir.detectors.scores.outcomes import Cleared, Fired, Monitoring, Warming
from weir.detectors.scores.stream import STREAM, ScoreStream, begun_anew, step
from weir.state import StateError


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), min_size=90, max_size=260), st.integers(0, 250))
@pytest.mark.slow
def test_a_state_read_back_at_any_point_goes_on_the_same(bits: list[bool], cut: int) -> None:
    whole, outcomes = followed(ScoreStream(KEY), bits)

    state, before = followed(ScoreStream(KEY), bits[:cut])
    state, after = followed(STREAM.decode(STREAM.encode(state)), bits[cut:])

    assert STREAM.encode(state) == STREAM.encode(whole)
    assert before + after == outcomes


@settings(max_examples=20, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_scores_read_again_change_nothing(bits: list[bool]) -> None:
    state, _ = followed(monitored(), bits)

    for number, is_bad in enumerate(bits, start=SMALL.reference_scores):
        again, outcomes, reason = step(state, score(number, is_bad=is_bad), SMALL)
        assert (again, outcomes, reason) == (state, [], "seen")


@pytest.mark.capability("O6")
def test_a_drop_is_told_from_warming_to_clearance() -> None:
    state, began = followed(ScoreStream(KEY), [False] * 9 + [True] + [False] * 90)
    state, quiet = followed(state, draws(1, 0.0, 60))
    state, fell = followed(state, draws(2, 0.6, 60))
    state, over = followed(state, draws(3, 0.0, 400))

    assert began == [Warming(100), Monitoring(1, 100)]
    assert quiet == []
    levels = [(one.level, one.is_update) for one in fell if isinstance(one, Fired)]
    assert levels == [("warn", False), ("page", False)]
    fired = fell[0]
    assert isinstance(fired, Fired)
    assert fired.statistic >= fired.threshold == SMALL.warn_arl_scores
    assert 155 <= fired.since_index <= 175
    assert over == [Cleared("page"), Cleared("warn")]
    assert state.wealth.statistic < SMALL.warn_arl_scores


def test_an_improvement_never_fires() -> None:
    fixed = replace(SMALL, reference_scores_max=SMALL.reference_scores)

    state, outcomes = followed(monitored(fixed, bad_every=4), draws(4, 0.05, 1_500), fixed)

    assert outcomes == []
    assert state.wealth.statistic < 50.0


def test_scores_that_are_always_bad_cannot_get_worse() -> None:
    state, outcomes = followed(monitored(bad_every=1), [True] * 1_500)

    assert outcomes == []
    assert state.baseline.bad == state.baseline.count > SMALL.reference_scores


def test_nothing_is_learnt_while_an_alarm_is_on() -> None:
    state, _ = followed(monitored(), [True] * 30)
    assert state.warn.raised
    before = state.baseline

    state, _ = followed(state, [True] * 200)

    assert state.baseline == before
    assert before.waiting_count == 0


def test_accepting_begins_a_reference_and_keeps_the_memory() -> None:
    state, _ = followed(monitored(), [True] * 30)

    anew = begun_anew(state)

    assert (anew.version, anew.is_warming, anew.warn.raised, anew.scores) == (2, True, False, state.scores)
    assert step(anew, score(state.scores - 1), SMALL)[2] == "seen"


@pytest.mark.parametrize("content", [b"", b"{}", b'{"format": 9}', b'{"format": 1, "key": {}}', b"[]"])
def test_bytes_that_are_no_state_are_refused(content: bytes) -> None:
    with pytest.raises(StateError, match="do not begin as a state does, or are of a version before"):
        STREAM.decode(content)
