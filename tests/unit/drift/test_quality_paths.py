"""The benchmark's columns fire at the very score at which the service does."""

from __future__ import annotations

import numpy as np
import pytest

from bench.quality_paths import Alarms, draws, rolling_z_alarms, weir_alarms
from unit.drift.quality_scores import KEY, score
from weir.detectors.scores.outcomes import Fired
from weir.detectors.scores.settings import QualitySettings
from weir.detectors.scores.stream import ScoreStream, step

SETTINGS = QualitySettings(warn_arl_scores=60.0, reference_scores=100, lag_scores=30)


def test_columns_fire_when_the_step_does() -> None:
    rng = np.random.default_rng(3)
    reference, scores = rng.random((100, 5)) < 0.1, rng.random((400, 5)) < 0.12

    columns = weir_alarms(reference.sum(axis=0), iter(scores), SETTINGS)

    for run in range(5):
        state, at = ScoreStream(KEY), 0
        for number, is_bad in enumerate([*reference[:, run], *scores[:, run]]):
            state, outcomes, _ = step(state, score(number, is_bad=bool(is_bad)), SETTINGS)
            if any(isinstance(one, Fired) for one in outcomes):
                at = number + 1 - 100
                break
        assert (at or 400, at > 0) == (columns.at[run], columns.fired[run])
    assert columns.fired.sum() >= 3


def test_the_peer_fires_at_the_first_window_above_its_bound() -> None:
    scores = np.array([[False]] * 10 + [[True]] * 5)

    found = rolling_z_alarms(0.9, iter(scores), window=10, z=2.0)

    assert (found.at[0], found.fired[0]) == (13, True)
    with pytest.raises(ValueError, match="no scores"):
        rolling_z_alarms(0.9, iter([]), window=10, z=2.0)


def test_delays_are_those_of_runs_without_an_earlier_alarm() -> None:
    found = Alarms(np.array([100, 300, 250]), np.array([True, False, True])).after(200)

    assert (found.at.tolist(), found.fired.tolist(), found.delay(0.5)) == ([100, 50], [False, True], 75.0)


def test_the_mean_run_length_counts_runs_that_were_cut() -> None:
    assert Alarms(np.array([100, 300]), np.array([True, False])).arl == (400.0, 400.0)


@pytest.mark.capability("O6")
@pytest.mark.slow
def test_a_5_point_drop_is_found_soon_at_the_arl_that_was_asked_for() -> None:
    """Few runs, so with room for their errors; the figures are those of the benchmark."""
    rng = np.random.default_rng(11)
    references = rng.binomial(1_000, 0.08, 60)

    quiet = weir_alarms(references, draws(rng, 0.08, 60, 10_000), QualitySettings())
    dropped = weir_alarms(references, draws(rng, 0.13, 60, 3_000), QualitySettings())

    assert quiet.arl[0] + 2 * quiet.arl[1] > 5_000
    assert dropped.delay(0.5) < 350
