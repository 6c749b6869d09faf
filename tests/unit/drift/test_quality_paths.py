"""The benchmark's columns fire at the very score at which the service does."""

from __future__ import annotations

import numpy as np
import pytest

from bench.quality_alarm import quality_alarm
from bench.quality_paths import Alarms, rolling_z_alarms, weir_alarms
from unit.drift.quality_scores import KEY, score
from weir.drift.core.quality.outcomes import Fired
from weir.drift.core.quality.settings import QualitySettings
from weir.drift.core.quality.stream import StreamState, step

SETTINGS = QualitySettings(warn_arl_scores=60.0, reference_scores=100, lag_scores=30)


def test_columns_fire_when_the_step_does() -> None:
    rng = np.random.default_rng(3)
    reference, scores = rng.random((100, 5)) < 0.1, rng.random((400, 5)) < 0.12

    columns = weir_alarms(reference.sum(axis=0), iter(scores), SETTINGS)

    for run in range(5):
        state, at = StreamState(KEY), 0
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


def test_the_mean_run_length_counts_runs_that_were_cut() -> None:
    assert Alarms(np.array([100, 300]), np.array([True, False])).arl == (400.0, 400.0)


@pytest.mark.capability("O6")
def test_a_5_point_drop_is_found_in_280_scores_at_an_arl_of_5000() -> None:
    row = next(one for one in quality_alarm(runs=60, pass_rates=(0.92,)) if one.detector == "weir")

    assert row.arl + 2 * row.arl_error > 5_000
    assert row.delays[5][0] < 330
