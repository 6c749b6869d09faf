"""How often each word occurs in the reference, and the same counts without one of its texts.

A word is *known* when it occurs at least `min_count` times (1, unless the vocabulary would exceed its bound). Scores
of reference texts must leave out the whole text they score, and every copy of it: leaving out one count a word gave one
false alarm in 333 events where one in 5,000 was promised (measured), because every later event is scored by counts that
do not hold it; leaving out one copy of several gave one in 358 where a tenth of the traffic was one prompt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from math import log2
from typing import Annotated

import numpy as np
import numpy.typing as npt

from weir.state import ARRAY

IntVector = Annotated[npt.NDArray[np.int64], ARRAY]

MAX_VOCABULARY = 20_000
"""Distinct words kept (chosen: about 0.5 MB of state; 2,000 short texts of one domain hold 5,000 to 10,000)."""

SMOOTHING = 0.5
"""Pseudo-count of every word in the surprisal (chosen: the usual Jeffreys value; an unknown word costs about 16
bits).
"""


@dataclass(frozen=True, slots=True, eq=False)
class WordCounts:
    """Counts of the known `words` (same order as `counts`) among `total` words of the reference."""

    words: tuple[str, ...]
    counts: IntVector
    total: int
    min_count: int
    _index: Mapping[str, int] = field(init=False, repr=False)
    _counts_or_none: IntVector = field(init=False, repr=False)
    _logs_or_none: list[float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", {word: i for i, word in enumerate(self.words)})
        # One more count, 0, at position -1: where `ids` points for an unknown word.
        object.__setattr__(self, "_counts_or_none", np.append(self.counts, 0))
        object.__setattr__(self, "_logs_or_none", np.log2(self._counts_or_none + SMOOTHING).tolist())

    def ids(self, words: Sequence[str]) -> IntVector:
        """The position of each word, -1 for an unknown one."""
        return np.array(self._ids(words), dtype=np.int64)

    def unknown(self, words: Sequence[str]) -> int:
        """How many of these words the reference does not hold."""
        index = self._index
        return len(words) - sum(map(index.__contains__, words))

    def seen(self, ids: IntVector) -> IntVector:
        """How often the reference holds each word of a new text."""
        return self._counts_or_none[ids]

    def seen_elsewhere(self, ids: IntVector, copies: int = 1) -> IntVector:
        """How often the *other* texts of the reference hold each word of a text that it holds `copies` times; below
        `min_count` counts as 0.
        """
        _, where, own = np.unique(ids, return_inverse=True, return_counts=True)
        left = self.seen(ids) - copies * own[where]
        return np.where((ids >= 0) & (left >= self.min_count), left, 0)

    def surprisal_bits(self, words: Sequence[str]) -> float:
        """Mean bits per word of a new text under the smoothed unigram model; `words` must not be empty."""
        logs = sum(map(self._logs_or_none.__getitem__, self._ids(words)))
        return _mean_bits(logs, len(words), self.total, len(self.words))

    def surprisal_bits_elsewhere(self, ids: IntVector, copies: int = 1) -> float:
        """The same for a text that the reference holds `copies` times, under the model of all other texts."""
        left = self.seen_elsewhere(ids, copies)
        lost = np.unique(ids[(ids >= 0) & (left == 0)]).size
        logs = float(np.log2(left + SMOOTHING).sum())
        return _mean_bits(logs, ids.size, self.total - copies * ids.size, len(self.words) - lost)

    def _ids(self, words: Sequence[str]) -> list[int]:
        return list(map(self._index.get, words, repeat(-1)))


def _mean_bits(logs: float, size: int, total: int, kinds: int) -> float:
    """Of a text of `size` words whose smoothed counts have logarithms that sum to `logs`."""
    return log2(total + SMOOTHING * (kinds + 1)) - logs / size


def count_words(texts: Sequence[Sequence[str]]) -> WordCounts:
    """Counts over `texts`, words in sorted order; raises the least count until `MAX_VOCABULARY` words are left."""
    tally = Counter(word for text in texts for word in text)
    sizes = Counter(tally.values())
    min_count, left = 1, len(tally)
    while left > MAX_VOCABULARY:
        left -= sizes[min_count]
        min_count += 1
    words = tuple(sorted(word for word, count in tally.items() if count >= min_count))
    counts = np.array([tally[word] for word in words], dtype=np.int64)
    return WordCounts(words, counts, sum(tally.values()), min_count)
