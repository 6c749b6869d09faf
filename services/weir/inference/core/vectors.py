"""Embedding vectors: their type, their normal form, and a bounded memory of them by content."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

import numpy as np
import numpy.typing as npt

FloatVector = npt.NDArray[np.float32]
"""A float32 vector of one dimension."""


def normalise(vector: FloatVector) -> FloatVector:
    """The vector scaled to length 1. Raises ValueError for a vector that is zero or not finite."""
    length = float(np.linalg.norm(vector.astype(np.float64)))
    if not np.isfinite(length) or length == 0.0:
        raise ValueError(f"an embedding of length {length} has no direction; expected a finite vector that is not zero")
    return (vector.astype(np.float64) / length).astype(np.float32)


class EmbeddingCache:
    """The embeddings of the texts seen last, by content hash; the one unused longest leaves first.

    Keeps digests and vectors, never texts.
    """

    def __init__(self, entries_max: int) -> None:
        """entries_max: embeddings kept; 0 keeps none."""
        self._entries_max = entries_max
        self._vectors: OrderedDict[bytes, FloatVector] = OrderedDict()

    def __len__(self) -> int:
        return len(self._vectors)

    def get(self, text: str) -> FloatVector | None:
        """The embedding of exactly this text, or None when it is not held."""
        key = _key(text)
        vector = self._vectors.get(key)
        if vector is not None:
            self._vectors.move_to_end(key)
        return vector

    def put(self, text: str, vector: FloatVector) -> None:
        """Keep the embedding of a text."""
        self._vectors[_key(text)] = vector
        self._vectors.move_to_end(_key(text))
        while len(self._vectors) > self._entries_max:
            self._vectors.popitem(last=False)


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
