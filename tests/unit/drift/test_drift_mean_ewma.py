"""The mean EWMA alarms about as rarely as it was fitted to, and soon after the mean moves."""

from __future__ import annotations

import numpy as np
import pytest

from weir.detectors.ewma_fit import fit_ewma
from weir.detectors.mean_ewma import LAMBDAS, EwmaModel, follow, new_ewma, whiten
from weir.detectors.reference import EmbeddingMatrix

DIMENSIONS, ARL = 24, 2_000.0


def _unit(rng: np.random.Generator, events: int, shift: float = 0.0) -> EmbeddingMatrix:
    vectors = rng.standard_normal((events, DIMENSIONS))
    vectors[:, 0] += 4.0
    vectors[:, 1] += shift
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture(scope="module")
def model() -> EwmaModel:
    return fit_ewma(_unit(np.random.default_rng(20), 1_000), ARL, seed=0)


def _first_alarm(model: EwmaModel, embeddings: EmbeddingMatrix) -> tuple[int | None, int]:
    ewma = new_ewma(DIMENSIONS)
    for i, embedding in enumerate(embeddings, start=1):
        path = follow(ewma, whiten(embedding, model)[None], model)
        ewma, reading = path.at(0, i, np.array([i], dtype=np.int64)), path.reading(0)
        if (reading.statistics >= model.thresholds).any():
            scale = int((reading.statistics / model.thresholds).argmax())
            return i, int(ewma.low_index[scale])
    return None, 0


@pytest.mark.slow
def test_the_fit_is_decided_by_its_arguments(model: EwmaModel) -> None:
    again = fit_ewma(_unit(np.random.default_rng(20), 1_000), ARL, seed=0)
    other = fit_ewma(_unit(np.random.default_rng(20), 1_000), ARL, seed=1)
    np.testing.assert_array_equal(model.thresholds, again.thresholds)
    np.testing.assert_array_equal(model.metric, again.metric)
    # Another seed simulates other streams of the same null: near, not equal.
    np.testing.assert_allclose(model.thresholds, other.thresholds, rtol=0.1)
    assert (model.thresholds != other.thresholds).any()


@pytest.mark.slow
def test_rarer_alarms_need_higher_thresholds(model: EwmaModel) -> None:
    rarer = fit_ewma(_unit(np.random.default_rng(20), 1_000), 10 * ARL, seed=0)
    frequent = fit_ewma(_unit(np.random.default_rng(20), 1_000), ARL / 10, seed=0)
    assert (rarer.thresholds > model.thresholds).all()
    assert (frequent.thresholds < model.thresholds).all()
    assert (model.typical < frequent.thresholds).all()


@pytest.mark.slow
def test_run_length_on_new_events_is_near_the_asked_one(model: EwmaModel) -> None:
    # 200 streams of 2,000 events in one go: the recursion of `update`, vectorised.
    rng = np.random.default_rng(21)
    streams, events = 200, 2_000
    means = np.zeros((LAMBDAS.size, streams, DIMENSIONS), dtype=np.float32)
    first = np.full(streams, events)
    for i in range(1, events + 1):
        whitened = (_unit(rng, streams) - model.centre) @ model.metric
        means += LAMBDAS[:, None, None] * (whitened - means)
        above = (np.square(means).sum(axis=2) >= model.thresholds[:, None]).any(axis=0)
        first = np.where(above & (first == events), i, first)
    # Censored exponential estimate: observed time over alarms. One reference alone varies by about a factor of two.
    alarms = int((first < events).sum())
    assert ARL / 2 <= first.sum() / max(alarms, 1) <= 6 * ARL


def test_finds_a_small_shift_and_its_beginning(model: EwmaModel) -> None:
    rng = np.random.default_rng(22)
    stream = np.concatenate((_unit(rng, 300), _unit(rng, 400, shift=1.0)))
    found, low = _first_alarm(model, stream)
    assert found is not None
    assert 300 < found <= 360
    assert 250 <= low <= found


def test_each_axis_weighs_alike_after_whitening(model: EwmaModel) -> None:
    fresh = _unit(np.random.default_rng(23), 4_000)
    variances = ((fresh - model.centre) @ model.metric).var(axis=0)
    assert variances.max() / variances.min() < fresh.var(axis=0).max() / fresh.var(axis=0).min()
