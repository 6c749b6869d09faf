"""Statistics of the drift benchmark: intervals hold what they claim, streams are what they are called."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.observed_text import observe
from bench.text_drift.cells import CELLS, CHANGE_AT
from bench.text_drift.peers import RIVER_PEERS, centroid_first, centroid_statistics, matched_river, river_alarms
from bench.text_drift.run_lengths import delay, run_length
from bench.text_drift.streams import (
    REFERENCE_TEXTS,
    SESSION_TURNS,
    changed,
    document_order,
    draw,
    generator,
    independent,
    one_turn,
    sessions,
)
from weir.detectors.sessions import choose, new_sessions

DOCUMENTS = [f"document-{row // 20}" for row in range(3_000)]
SPLIT = draw(np.arange(3_000), seed=4)


def test_run_length_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for alarms in rng.poisson(10_000 / 500, size=1_000):
        found = run_length(10_000, int(alarms))
        held += found.low <= 500 <= found.high
    assert 940 <= held <= 985


def test_no_alarm_has_no_upper_end() -> None:
    found = run_length(3_000, 0)
    assert (found.mean, found.high) == (np.inf, np.inf)
    assert found.low == pytest.approx(3_000 / 3.689, rel=1e-3)  # ln(1 / 0.025)


@given(st.lists(st.one_of(st.just(-1), st.integers(0, 900)), min_size=1, max_size=60))
def test_delay_counts_from_the_change_and_leaves_earlier_alarms_out(alarms: list[int]) -> None:
    found = delay(np.array(alarms), 500)
    later = [alarm for alarm in alarms if alarm < 0 or alarm >= 500]
    assert found.runs == len(later)
    assert found.low <= found.median <= found.high
    assert found.median <= found.p90
    if later:
        assert found.detected == pytest.approx(sum(alarm >= 500 for alarm in later) / len(later))


def test_delay_of_known_alarms() -> None:
    found = delay(np.array([500, 501, 502, 503, -1, 20]), 500)
    assert (found.runs, found.detected, found.median, found.p90) == (5, 0.8, 3.0, np.inf)


def test_a_draw_splits_the_base() -> None:
    assert SPLIT.reference.size == REFERENCE_TEXTS
    assert sorted([*SPLIT.reference, *SPLIT.test]) == list(range(3_000))
    assert not np.array_equal(SPLIT.reference, draw(np.arange(3_000), seed=5).reference)


def test_normal_traffic_comes_from_the_test_pool_alone() -> None:
    pool = set(SPLIT.test.tolist())
    for rows in (
        independent(SPLIT, 3, 400),
        sessions(SPLIT, DOCUMENTS, 3, 400),
        document_order(SPLIT, DOCUMENTS, 3, 400),
    ):
        assert rows.shape == (3, 400)
        assert set(rows.ravel().tolist()) <= pool


def test_a_session_is_five_texts_of_one_document() -> None:
    for session in sessions(SPLIT, DOCUMENTS, 2, 1_000).reshape(-1, SESSION_TURNS).tolist():
        assert len({DOCUMENTS[row] for row in session}) == 1
        assert len(set(session)) == SESSION_TURNS


def test_document_order_leaves_a_document_once_it_is_read() -> None:
    stream = [DOCUMENTS[row] for row in document_order(SPLIT, DOCUMENTS, 1, 900)[0]]
    starts = [name for name, before in zip(stream[1:], stream, strict=False) if name != before]
    assert len(starts) == len(set(starts))


def test_a_changed_stream_changes_at_the_change() -> None:
    pool, profile = np.arange(5_000, 5_100), np.array([0.0, 1.0] * 100)
    rows = changed(SPLIT, pool, profile, streams=4, before=50, name="cell")
    late = np.isin(rows, pool)
    assert not late[:, :50].any()
    assert (late[:, 50:] == (profile == 1.0)).all()
    assert np.array_equal(rows, changed(SPLIT, pool, profile, streams=4, before=50, name="cell"))


def test_one_turn_of_a_session_is_chosen_as_the_bank_chooses() -> None:
    """The share of sessions that enter, and which turn does, agree with the real rule within sampling error."""
    rows = np.tile(np.arange(SESSION_TURNS), (1, 4_000))
    turns = one_turn(rows, generator(SPLIT, "turns"))[0]
    state, entered = new_sessions(64), []
    for event in range(4_000):
        for turn in range(SESSION_TURNS):
            told = observe("x", event_id=f"{event}-{turn}", request_id=f"r{event}-{turn}", session_id=f"s{event}")
            state, enters = choose(state, told, 0.5)
            if enters:
                entered.append(turn)
    ours = np.bincount(turns, minlength=SESSION_TURNS) / 4_000
    theirs = np.bincount(entered, minlength=SESSION_TURNS) / 4_000
    assert ours == pytest.approx(theirs, abs=0.035)


def test_cells_have_names_of_their_own_and_profiles_of_probabilities() -> None:
    assert len({cell.name for cell in CELLS}) == len(CELLS)
    for cell in CELLS:
        assert cell.profile.max() == pytest.approx(cell.mix)
        assert cell.profile.min() >= 0.0
    assert CHANGE_AT > 0


@pytest.mark.parametrize("peer", RIVER_PEERS, ids=lambda peer: peer.name)
def test_river_parameter_keeps_the_asked_run_length_and_finds_a_change(peer: object) -> None:
    assert peer in RIVER_PEERS
    chosen = next(it for it in RIVER_PEERS if it is peer)
    rng = np.random.default_rng(2)
    streams = rng.normal(0.3, 0.1, size=(4, 2_000))
    parameter, alarms = matched_river(chosen, streams, arl_events=1_000)
    assert alarms * 1_000 <= streams.size
    moved = np.concatenate([streams[0, :600], streams[0, :600] + 0.4])
    assert any(600 <= alarm < 1_200 for alarm in river_alarms(chosen, parameter, moved))


def test_a_centroid_window_alarms_when_it_closes() -> None:
    vectors = np.eye(2, dtype=np.float32)
    rows = np.array([[0] * 650 + [1] * 350, [0] * 1_000])
    phases = np.array([10, 0])
    statistics = centroid_statistics(vectors, np.array([0]), rows, phases)
    # Windows of the first stream close at 209, 409, 609 and 809; the last holds the change.
    assert centroid_first(statistics, phases, 0.5).tolist() == [809, -1]
