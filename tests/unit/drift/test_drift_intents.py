"""Laws of new intents: bounded whatever comes, like with like, rates that add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weir.detectors.observation import FloatVector
from weir.drift.core.intents import (
    INTENT_EXAMPLES,
    INTENT_WORDS_MAX,
    INTENTS_MAX,
    Intents,
    growing,
    joined,
    rates,
)

DIMENSIONS = 48


def towards(axis: int, noise: float = 0.0, seed: int = 0) -> FloatVector:
    vector = np.random.default_rng(seed).standard_normal(DIMENSIONS) * noise
    vector[axis] += 1.0
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def after(axes: list[int], every: int = 1, noise: float = 0.0) -> Intents:
    intents = Intents()
    for number, axis in enumerate(axes):
        words = (f"subject{axis}", "the", f"word{number}")
        intents = joined(
            intents, towards(axis, noise, number), words,
            request_id=f"request-{number}", index=1 + number * every, time_us=number,
        )  # fmt: skip
    return intents


@settings(max_examples=20)
@given(st.lists(st.integers(0, DIMENSIONS - 1), min_size=1, max_size=120))
def test_clusters_stay_bounded_and_count_every_event_of_theirs(axes: list[int]) -> None:
    intents = after(axes)

    assert len(intents.clusters) <= INTENTS_MAX
    assert intents.begun >= len(intents.clusters)
    assert all(len(one.words) <= INTENT_WORDS_MAX for one in intents.clusters)
    assert all(len(one.request_ids) <= INTENT_EXAMPLES for one in intents.clusters)
    assert all(np.linalg.norm(one.centre) == pytest.approx(1.0, abs=1e-5) for one in intents.clusters)
    if len(set(axes)) <= INTENTS_MAX:
        assert sorted(one.events for one in intents.clusters) == sorted(axes.count(axis) for axis in set(axes))


@pytest.mark.capability("O7")
def test_like_texts_join_and_others_do_not() -> None:
    intents = after([1, 2, 1, 1, 2, 9], noise=0.08)

    assert [(one.number, one.events) for one in intents.clusters] == [(1, 3), (2, 2), (3, 1)]
    assert intents.clusters[0].request_ids == ("request-0", "request-2", "request-3")
    assert intents.clusters[0].words["subject1"] == 3


@pytest.mark.capability("O7")
def test_a_steady_rate_is_told_as_it_is_and_a_new_one_is_seen_to_grow() -> None:
    steady = after([0] * 200, every=10).clusters[0]
    new = after([0] * 10, every=5).clusters[0]

    assert rates(steady, 1_991) == pytest.approx((10.0, 10.0), abs=0.6)
    now, _ = rates(new, 46)
    assert now == pytest.approx(21.0, abs=4.0)
    late_now, late_before = rates(new, 1_046)
    assert late_now < 0.01 < late_before


def test_the_least_recent_cluster_makes_room() -> None:
    intents = after([*range(INTENTS_MAX), 0, 40])

    numbers = [one.number for one in intents.clusters]
    assert len(numbers) == INTENTS_MAX
    assert 1 in numbers
    assert 2 not in numbers
    assert intents.begun == INTENTS_MAX + 1


def test_growing_clusters_come_first_and_those_before_the_change_do_not() -> None:
    intents = after([0, 0, 0, 5, 1, 1, 1, 1])

    assert [one.number for one in growing(intents, 8, limit=5)] == [3, 1, 2]
    assert [one.number for one in growing(intents, 8, limit=1)] == [3]
    assert [one.number for one in growing(intents, 8, limit=5, since=4)] == [3, 2]
