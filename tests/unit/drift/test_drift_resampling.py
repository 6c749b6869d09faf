"""Resampling: every event can come, blocks keep their neighbours, and a new text drawn again is another one like it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from weir.detectors.resampling import (
    LIKES_WITHIN_EVENTS,
    NEIGHBOUR_BLOCK_EVENTS,
    in_blocks,
    independent,
    new_texts,
    with_likes,
)

STEPS, STREAMS = 200, 3


@given(size=st.integers(min_value=50, max_value=90), seed=st.integers(min_value=0, max_value=2**32))
def test_blocks_come_as_they_stood_and_each_once_a_deck(size: int, seed: int) -> None:
    order = in_blocks(size, STEPS, STREAMS, np.random.default_rng(seed))
    deck = size // NEIGHBOUR_BLOCK_EVENTS * NEIGHBOUR_BLOCK_EVENTS
    for stream in order.T:
        blocks = (stream.reshape(-1, NEIGHBOUR_BLOCK_EVENTS) - stream[0]) % size
        assert (np.diff(blocks, axis=1) % size == 1).all()
        whole = stream[: min(deck, STEPS) // deck * deck]
        assert np.unique(whole).size == whole.size


@given(seed=st.integers(min_value=0, max_value=2**32), copies=st.integers(min_value=1, max_value=4))
def test_no_new_text_comes_twice_soon_but_as_the_one_most_like_it(seed: int, copies: int) -> None:
    rng = np.random.default_rng(seed)
    keys = np.append(np.arange(60), np.repeat(60, copies)).astype(np.uint64)
    vectors = rng.standard_normal((keys.size, 5)).astype(np.float32)
    order, new = independent(keys.size, STEPS, STREAMS, rng), new_texts(keys)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    told = with_likes(order, vectors, keys, new)

    for step, stream in np.ndindex(order.shape):
        event, before = order[step, stream], keys[order[max(0, step - LIKES_WITHIN_EVENTS) : step, stream]]
        if new[event] and keys[event] in before:
            others = np.flatnonzero(keys != keys[event])
            likes = units[others] @ units[event]
            assert np.isclose(likes.max(), units[told[step, stream]] @ units[event])
            assert keys[told[step, stream]] != keys[event]
        else:
            assert told[step, stream] == event


def test_a_text_is_new_where_it_came_once_or_twice_among_texts_that_mostly_came_once() -> None:
    retried = np.array([*range(8), 8, 8, 9, 9, 9], dtype=np.uint64)
    assert new_texts(retried).tolist() == [True] * 10 + [False] * 3
    pool = np.array([1, 2, 2, 3, 3], dtype=np.uint64)
    assert not new_texts(pool).any()


def test_traffic_out_of_a_pool_is_left_as_it_was() -> None:
    keys = np.repeat(np.arange(10), 6).astype(np.uint64)
    order = independent(keys.size, STEPS, STREAMS, np.random.default_rng(3))
    assert with_likes(order, np.ones((keys.size, 2), dtype=np.float32), keys, new_texts(keys)) is order
