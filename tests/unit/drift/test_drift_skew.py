"""Laws of the skew test: it keeps its error rate, finds what it promises, and does not depend on order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.detectors import skew
from weir.detectors.holm import holm
from weir.detectors.reference import EmbeddingMatrix
from weir.detectors.skew import SkewReference, affected, relabelings, skew_reference

DIMENSIONS, ITEMS, WINDOW = 32, 600, 200


def drawn(rng: np.random.Generator, count: int, *, topic: int = 0, spread: float = 1.0) -> EmbeddingMatrix:
    """Texts of a subject: near a direction of its own, unit length."""
    rows = rng.standard_normal((count, DIMENSIONS)) * spread
    rows[:, topic] += 4.0
    return skew.unit_rows(rows.astype(np.float32))


@pytest.fixture(scope="module")
def reference() -> SkewReference:
    return skew_reference("faq", "2", "sha256:d", drawn(np.random.default_rng(0), ITEMS))


@pytest.mark.capability("O5")
@pytest.mark.slow
def test_windows_like_the_dataset_are_called_skewed_about_as_often_as_alpha_says(reference: SkewReference) -> None:
    rng = np.random.default_rng(1)
    p = np.array([skew.test_window(reference, drawn(rng, WINDOW), seed).p_value for seed in range(200)])

    # Of 200 windows at alpha 0.05 more than 18 come by chance once in 200 times (binomial).
    assert (p <= 0.05).sum() <= 18
    assert (p <= 0.5).sum() >= 40


@pytest.mark.capability("O5")
@pytest.mark.slow
def test_a_twentieth_of_something_new_is_found_by_novelty(reference: SkewReference) -> None:
    rng = np.random.default_rng(2)
    found = []
    for seed in range(20):
        window = np.concatenate((drawn(rng, 190), drawn(rng, 10, topic=7)))
        found.append(skew.test_window(reference, window, seed))

    assert sum(result.p_value <= 0.05 for result in found) >= 19
    by_novelty = [result for result in found if result.test == "novelty"]
    assert len(by_novelty) >= 15
    assert {result.direction for result in by_novelty} == {"higher"}


def test_a_moved_mean_is_found_by_the_mean(reference: SkewReference) -> None:
    rows = drawn(np.random.default_rng(3), WINDOW) + np.eye(DIMENSIONS, dtype=np.float32)[3] * 0.12

    result = skew.test_window(reference, skew.unit_rows(rows), 1)

    assert (result.test, result.direction, result.p_value) == ("mmd", "moved", 0.004)


def test_texts_too_alike_are_found_too(reference: SkewReference) -> None:
    result = skew.test_window(reference, drawn(np.random.default_rng(4), WINDOW, spread=0.6), 1)

    assert result.p_value <= 0.01
    assert result.p_values[1] <= 0.01


@pytest.mark.slow
def test_traffic_that_asks_the_very_questions_of_the_dataset_is_not_skewed(reference: SkewReference) -> None:
    rng = np.random.default_rng(5)
    windows = [reference.embeddings[rng.choice(ITEMS, WINDOW)] for _ in range(40)]

    assert sum(skew.test_window(reference, one, seed).p_value <= 0.01 for seed, one in enumerate(windows)) <= 3


@given(st.permutations(range(40)), st.integers(0, 2**63))
@pytest.mark.slow
def test_the_order_of_a_window_means_nothing(order: list[int], seed: int) -> None:
    rng = np.random.default_rng(6)
    small = skew_reference("faq", "2", "sha256:d", drawn(rng, 60))
    window = drawn(rng, 40)

    first, second = skew.test_window(small, window, seed), skew.test_window(small, window[order], seed)

    # The relabelings draw other rows, so the p-value may differ by what 499 of them can tell.
    assert first.events == second.events == 40
    assert abs(first.p_values[0] - second.p_values[0]) < 0.2


def test_the_same_window_and_seed_give_the_same_bits(reference: SkewReference) -> None:
    window = drawn(np.random.default_rng(7), WINDOW)

    assert skew.test_window(reference, window, 5) == skew.test_window(reference, window, 5)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=5))
def test_holm_only_raises_and_keeps_the_order(raw: list[float]) -> None:
    corrected = holm(raw)

    assert all(before <= after <= 1.0 for before, after in zip(raw, corrected, strict=True))
    assert min(corrected) == min(1.0, len(raw) * min(raw))
    ranked = [corrected[i] for i in np.argsort(raw, kind="stable")]
    assert ranked == sorted(ranked)


def test_holm_by_hand() -> None:
    assert holm([0.04, 0.01]) == [0.04, 0.02]


@given(st.integers(5, 40), st.integers(2, 20), st.integers(0, 2**32))
def test_every_relabeling_marks_as_many_rows_as_the_window_has(items: int, events: int, seed: int) -> None:
    labels = relabelings(items, events, 10, seed)

    assert labels.shape == (11, items + events)
    assert (labels.sum(axis=1) == events).all()
    assert labels[0].nonzero()[0].tolist() == list(range(items, items + events))


def test_the_affected_slice_is_the_part_that_is_new(reference: SkewReference) -> None:
    rng = np.random.default_rng(8)
    window = np.concatenate((drawn(rng, 180), drawn(rng, 20, topic=7)))
    result = skew.test_window(reference, window, 1)

    named = affected(reference, window, result, 64)

    assert len(set(range(180, 200)) & set(named[:20])) >= 16
    assert len(named) <= 64
    assert affected(reference, window, result, 3) == named[:3]


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        (np.ones((49, 4), dtype=np.float32), "50 rows or more"),
        (np.ones(60, dtype=np.float32), "50 rows or more"),
        (np.zeros((60, 4), dtype=np.float32), "norm 0.0"),
        (np.full((60, 4), np.nan, dtype=np.float32), "norm nan"),
    ],
)
def test_a_dataset_that_means_nothing_is_refused(embeddings: EmbeddingMatrix, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        skew_reference("faq", "2", "sha256:d", embeddings)


@pytest.mark.parametrize("shape", [(1, DIMENSIONS), (200, 3)])
def test_a_window_of_another_shape_is_refused(reference: SkewReference, shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="2 rows or more of 32 numbers"):
        skew.test_window(reference, np.ones(shape, dtype=np.float32), 1)
