"""The benchmark's folds of many streams give what the real detectors, and plain definitions, give one stream."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bench.text_drift import window_mmd
from bench.text_drift.cost import OnlineMmd
from bench.text_drift.fold import count_alarms, first_alarms
from bench.text_drift.matching import count_alarms as count_above
from bench.text_drift.matching import matched_threshold
from bench.text_drift.scores import Scores, score
from bench.text_drift.streams import Draw
from unit.drift.drift_traffic import Traffic, outcomes_of
from weir.detectors.bank import MonitoringBank, step_many
from weir.detectors.fitted import Fitted
from weir.detectors.monitor import new_monitor
from weir.detectors.observation import Observation
from weir.detectors.outcomes import AlarmLevel, Signal
from weir.detectors.sessions import new_sessions
from weir.detectors.settings import BankSettings

STREAMS, BEFORE, AFTER = 6, 60, 200


@pytest.fixture(scope="module")
def observations() -> list[Observation]:
    """1,400 normal events, then 100 whose embedding has moved."""
    normal = Traffic(seed=3)
    return [*normal.events(1_400), *normal.events(100, shift=3.0)]


@pytest.fixture(scope="module")
def scores(observations: list[Observation]) -> Scores:
    settings = BankSettings(reference_events=1_000)
    return score(observations, Draw(0, np.arange(1_000), np.arange(1_000, 1_400)), settings)


@pytest.fixture(scope="module")
def rows() -> npt.NDArray[np.int64]:
    """Streams of test events, then of changed ones: the first all of them, the last one in five."""
    rng = np.random.default_rng(5)
    found = rng.integers(1_000, 1_400, size=(STREAMS, BEFORE + AFTER))
    share = np.linspace(1.0, 0.2, STREAMS)[:, None]
    late = rng.random((STREAMS, AFTER)) < share
    found[:, BEFORE:][late] = rng.integers(1_400, 1_500, size=int(late.sum()))
    return found


@pytest.fixture(scope="module")
def uniforms() -> npt.NDArray[np.float64]:
    return np.random.default_rng(6).random((STREAMS, BEFORE + AFTER))


def real_alarm(
    fitted: Fitted, settings: BankSettings, events: list[Observation], ties: list[float], level: AlarmLevel
) -> int:
    """Event, from 0, at which the real bank first signals `level`; -1 for never."""
    bank = MonitoringBank(settings, fitted, new_monitor(fitted), new_sessions(settings.session_capacity))
    _, steps = step_many(bank, events, ties)
    return next((it.index - 1 for it in outcomes_of(steps) if isinstance(it, Signal) and it.level == level), -1)


@pytest.mark.parametrize("level", ["warn", "page"])
@pytest.mark.slow
def test_fold_alarms_where_the_bank_does(
    level: AlarmLevel,
    observations: list[Observation],
    scores: Scores,
    rows: npt.NDArray[np.int64],
    uniforms: npt.NDArray[np.float64],
) -> None:
    folded = first_alarms(scores, rows, uniforms, page=level == "page")
    stepped = [
        real_alarm(scores.fitted, scores.settings, [observations[row] for row in stream], ties.tolist(), level)
        for stream, ties in zip(rows, uniforms, strict=True)
    ]
    assert folded.first.tolist() == stepped
    assert max(stepped) > BEFORE  # the change is found, so the test compares something


@pytest.mark.slow
def test_first_alarms_and_restarted_streams_begin_alike(
    scores: Scores, rows: npt.NDArray[np.int64], uniforms: npt.NDArray[np.float64]
) -> None:
    once, again = first_alarms(scores, rows, uniforms), count_alarms(scores, rows, uniforms)
    assert once.first.tolist() == again.first.tolist()
    assert again.count >= once.count


@pytest.mark.slow
def test_a_stream_ends_where_it_would_alone(
    scores: Scores, rows: npt.NDArray[np.int64], uniforms: npt.NDArray[np.float64]
) -> None:
    together = first_alarms(scores, rows, uniforms).first
    alone = [first_alarms(scores, rows[[i]], uniforms[[i]]).first[0] for i in range(STREAMS)]
    assert together.tolist() == alone


def plain_mmd(kernel: npt.NDArray[np.float32], reference: npt.NDArray[np.int64], window: list[int]) -> float:
    """Unbiased MMD squared by its definition."""

    def mean_off_diagonal(chosen: npt.NDArray[np.int64]) -> float:
        block = kernel[np.ix_(chosen, chosen)].astype(np.float64)
        size = len(chosen)
        return float((block.sum() - np.trace(block)) / (size * (size - 1)))

    rows = np.array(window)
    return mean_off_diagonal(rows) + mean_off_diagonal(reference) - 2.0 * float(kernel[np.ix_(rows, reference)].mean())


def test_window_mmd_is_the_mmd_of_its_window(scores: Scores, rows: npt.NDArray[np.int64]) -> None:
    vectors = np.random.default_rng(7).normal(size=(1_500, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    reference = np.arange(300)
    kernel = window_mmd.kernel_of(vectors, reference)
    statistics = window_mmd.trajectories(kernel, reference, rows[:2])
    assert np.isnan(statistics[:, : window_mmd.WINDOW_EVENTS - 1]).all()
    for stream, event in [(0, 99), (0, 100), (1, 173), (1, 259)]:
        window = rows[stream, event + 1 - window_mmd.WINDOW_EVENTS : event + 1].tolist()
        assert statistics[stream, event] == pytest.approx(plain_mmd(kernel, reference, window), abs=1e-5)


def test_matched_threshold_keeps_the_asked_run_length() -> None:
    statistics = np.random.default_rng(8).normal(size=(20, 2_000)).astype(np.float32)
    threshold = matched_threshold(statistics, arl_events=500.0, quiet_events=10)
    assert count_above(statistics, threshold, 10) == statistics.size / 500
    assert count_above(statistics, threshold - 0.2, 10) > statistics.size / 500


def test_an_alarm_silences_the_events_after_it() -> None:
    statistics = np.zeros((1, 30), dtype=np.float32)
    statistics[0, [3, 5, 12, 14]] = 1.0
    assert count_above(statistics, 0.5, quiet_events=5) == 2
    assert count_above(statistics, 0.5, quiet_events=1) == 4


def test_the_timed_online_mmd_is_the_mmd_of_its_window() -> None:
    vectors = np.random.default_rng(9).normal(size=(500, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    reference, events = np.arange(250), list(range(250, 500))
    kernel = window_mmd.kernel_of(vectors, reference)
    peer = OnlineMmd(vectors[reference])
    statistics = [peer.step(vectors[row]) for row in events]
    for event in (99, 100, 249):
        window = events[event + 1 - window_mmd.WINDOW_EVENTS : event + 1]
        assert statistics[event] == pytest.approx(plain_mmd(kernel, reference, window), abs=1e-5)
