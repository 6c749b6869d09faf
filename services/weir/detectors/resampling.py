"""Resampling: which reference event comes when in the simulated streams that set the thresholds of the mean EWMA.

Two orders, both (steps, streams): `independent`, each event drawn by itself, which lets one come again as stock
questions do; and `in_blocks`, a deck of short blocks of neighbours, which keeps what correlation the arrival order has.
Blocks drawn with replacement would mix the two up: on events in random order, where blocks should not matter, the same
five came again so soon and so often that the fastest threshold was 20 % too high, one alarm in 150 times the asked events
(measured).

A text that is new in traffic of new texts does not come again in a stream; drawn again it stands for another new text
like it. `with_likes` puts the most similar other text of the reference there. Left as it was, it made pairs of texts as
alike as copies, and one alarm in 45,000 events where one in 12,500 was asked; left out, it made pairs less alike than
they are, since metric and centre knew them, and one alarm in 3,000 to 4,000 (all measured).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weir.detectors.prefix import KeyVector
from weir.detectors.reference import BoolVector, EmbeddingMatrix
from weir.detectors.word_counts import IntVector

NEIGHBOUR_BLOCK_EVENTS = 5
"""Consecutive reference events kept together (chosen: covers bursts of a few users without thinning the variety)."""

NEW_COPIES_MAX = 2
"""Times the reference may hold a new text: once, and its retry."""

MOSTLY_NEW = 0.5
"""Share of events whose text came once that tells traffic of new texts from traffic out of a pool: it estimates the
chance that the next text is new (Good 1953). A pool of 1,000 gives 0.14, one retry in ten 0.8.
"""

LIKES_WITHIN_EVENTS = 10
"""Events in which a new text is not drawn twice: the memory of the fastest average, which a pair of copies decides. Within
20 or 64 it made no difference that could be measured.
"""

_CHUNK_ROWS = 512
"""Rows compared with all at a time: 4 MB for a reference of 2,000."""


def independent(size: int, steps: int, streams: int, rng: np.random.Generator) -> IntVector:
    """Events 0 to `size - 1` (steps, streams), each drawn by itself."""
    return rng.integers(size, size=(steps, streams))


def in_blocks(size: int, steps: int, streams: int, rng: np.random.Generator) -> IntVector:
    """Events (steps, streams): blocks of neighbours, cut at a random place, dealt from a full deck."""
    blocks = size // NEIGHBOUR_BLOCK_EVENTS
    decks = -(-steps // (blocks * NEIGHBOUR_BLOCK_EVENTS))
    order = rng.permuted(np.tile(np.arange(blocks), (decks * streams, 1)), axis=1)
    events = order[..., None] * NEIGHBOUR_BLOCK_EVENTS + np.arange(NEIGHBOUR_BLOCK_EVENTS)
    cut = rng.integers(size, size=(1, streams))
    return (events.reshape(streams, -1)[:, :steps].T + cut) % size


def new_texts(copy_keys: KeyVector) -> BoolVector:
    """Which events (n,) say what was not to be expected from this reference."""
    _, where, counts = np.unique(copy_keys, return_inverse=True, return_counts=True)
    copies = counts[where]
    return np.asarray((copies <= NEW_COPIES_MAX) & (np.mean(copies == 1) >= MOSTLY_NEW))


def with_likes(order: IntVector, vectors: EmbeddingMatrix, copy_keys: KeyVector, new: BoolVector) -> IntVector:
    """`order` (steps, streams) with the text most like it for every `new` text that came within the last
    `LIKES_WITHIN_EVENTS` events of its stream. `vectors` (n, d), `copy_keys` and `new` (n,) are of the events.

    Cost for n = 2,000, d = 384 and 384,000 events: about 0.2 CPU-seconds.
    """
    if not new.any():
        return order
    keys = copy_keys[order]
    again = np.zeros(order.shape, dtype=np.bool_)
    for lag in range(1, LIKES_WITHIN_EVENTS + 1):
        again[lag:] |= keys[lag:] == keys[:-lag]
    again &= new[order]
    return np.where(again, _likes(vectors, copy_keys)[order], order)


def _likes(vectors: EmbeddingMatrix, copy_keys: KeyVector) -> IntVector:
    """For every event (n,) the one of another text whose vector points most nearly the same way."""
    lengths = np.sqrt(np.vecdot(vectors, vectors))[:, None]
    units = vectors / np.maximum(lengths, np.finfo(vectors.dtype).tiny)
    likes: list[npt.NDArray[np.int64]] = []
    for start in range(0, len(units), _CHUNK_ROWS):
        alike = units[start : start + _CHUNK_ROWS] @ units.T
        alike[copy_keys[start : start + _CHUNK_ROWS, None] == copy_keys] = -np.inf
        likes.append(alike.argmax(axis=1))
    return np.concatenate(likes)
