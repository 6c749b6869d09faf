"""The advisors see a change among the last events, place it, and are quiet without one."""

from __future__ import annotations

import numpy as np
import pytest

from unit.drift.drift_traffic import Traffic, ties
from weir.detectors.advisors import ADVISED, MEMORY_EVENTS, advice_on, nothing_advised, remembered
from weir.detectors.bank import MonitoringBank, step_many
from weir.drift.core.stream.parts import parts_of


def test_quiet_on_uniform_numbers() -> None:
    p = np.random.default_rng(70).random((MEMORY_EVENTS, len(ADVISED)), dtype=np.float32)
    for advice in advice_on(p, 5_000):
        assert advice.changed_index is None
        assert 0.4 < advice.mean_p < 0.6


def test_a_change_is_placed_on_the_channel_that_changed() -> None:
    rng = np.random.default_rng(71)
    p = rng.random((MEMORY_EVENTS, len(ADVISED)), dtype=np.float32)
    p[700:, 0] **= 4
    p[::7, 0] = np.nan
    found = {advice.name: advice for advice in advice_on(p, 2_000)}
    change = 2_000 - MEMORY_EVENTS + 1 + 700
    for detector in ("adwin", "page-hinkley"):
        changed = found[f"{detector}/knn-novelty"]
        assert changed.changed_index is not None
        assert change <= changed.changed_index <= 2_000
        assert changed.mean_p < 0.3
        assert found[f"{detector}/length"].changed_index is None
    assert found["page-hinkley/length"].guarantee == "none"


def test_the_memory_is_bounded() -> None:
    old = np.zeros((MEMORY_EVENTS, len(ADVISED)), dtype=np.float32)
    kept = remembered(old, old[:3] + 1.0)
    assert kept.shape == old.shape
    assert kept[-3:].min() == 1.0
    assert kept[-4].max() == 0.0
    assert advice_on(nothing_advised(), 0)[0].mean_p == 0.5


@pytest.mark.slow
def test_a_stream_shows_them_beside_its_parts(fitted_bank: MonitoringBank) -> None:
    source = Traffic(72)
    events = [*source.events(300), *source.events(200, shift=3.0)]
    state, _ = step_many(fitted_bank, events, ties(events))
    assert isinstance(state, MonitoringBank)
    shown = {part.name: part for part in parts_of(state)}
    assert shown["e-bank"].page_threshold == 100_000.0
    assert shown["adwin/knn-novelty"].changed_at_event in range(300, 501)
    assert shown["adwin/knn-novelty"].warn_threshold is None
    assert shown["latency"].guarantee.startswith("none")
