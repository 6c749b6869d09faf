"""Traffic that says the same again is what it is called."""

from __future__ import annotations

import numpy as np
import pytest

from bench.text_drift.repetitions import DUPLICATED, REPETITIONS, RETRIED, STOCK_SHARE, Repetition
from bench.text_drift.streams import REFERENCE_TEXTS, Draw, draw

SPLIT = draw(np.arange(6_000), seed=4)
by_name = {kind.name: kind for kind in REPETITIONS}


def drawn(kind: Repetition) -> tuple[Draw, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    split = kind.split(SPLIT)
    return split, kind.streams(split, 3, 2_000)


def test_names_are_unique_and_pools_as_large_as_they_say() -> None:
    assert len(by_name) == len(REPETITIONS)
    for kind in REPETITIONS:
        if kind.pool:
            split, rows = drawn(kind)
            assert split.test.size == kind.pool
            assert set(rows.ravel().tolist()) <= set(split.test.tolist()) >= set(split.reference.tolist())


@pytest.mark.parametrize("kind", REPETITIONS, ids=lambda kind: kind.name)
def test_the_same_draw_gives_the_same_traffic(kind: Repetition) -> None:
    (split, rows), (again, same) = drawn(kind), drawn(kind)
    assert split.reference.size == REFERENCE_TEXTS
    np.testing.assert_array_equal(split.reference, again.reference)
    np.testing.assert_array_equal(rows, same)


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("10 % retries", RETRIED),
        ("one prompt a tenth", 0.1),
        ("twenty stock prompts, 20 %", STOCK_SHARE),
        ("new texts only", 0.0),
    ],
)
def test_so_large_a_share_of_events_comes_again(name: str, share: float) -> None:
    _, rows = drawn(by_name[name])
    repeated = 1.0 - np.mean([np.unique(stream).size / stream.size for stream in rows])
    assert repeated == pytest.approx(share, abs=0.03)


def test_copies_are_in_the_reference_alone() -> None:
    split, rows = drawn(by_name["10 % copies in the reference alone"])
    assert 1.0 - np.unique(split.reference).size / REFERENCE_TEXTS == pytest.approx(DUPLICATED, abs=0.03)
    assert all(np.unique(stream).size == stream.size for stream in rows)
