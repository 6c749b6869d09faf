"""One event as the detector sees it: who it was, when, and the numbers of its text.

The text itself is not kept: statistics, a bounded tuple of lower-cased words and (where it was sampled) the embedding
are enough for every channel, and they are what a checkpoint may hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from math import inf
from typing import Annotated

import numpy as np
import numpy.typing as npt

from weir.detectors.prefix import copy_key_of, text_key_of
from weir.state import ARRAY, Codec

MAX_WORDS = 256
"""Words kept per event (chosen: a prompt of this length has settled its vocabulary share; bounds the state)."""

MAX_WORD_CHARS = 64
"""Characters kept per word (chosen: longer tokens are data, not words)."""

FloatVector = Annotated[npt.NDArray[np.float32], ARRAY]


class EmbeddingMismatch(ValueError):
    """An embedding of another length than the reference's: another model produced it, so distances mean nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """Features of one text.

    `event_time_us` is in microseconds since 1970. Shares are fractions of all characters, 0 to 1. `words` are
    lower-cased and bounded by `MAX_WORDS` and `MAX_WORD_CHARS`. `embedding` is None where the event was not sampled; a
    given one is copied, scaled to length 1 and made read-only. An empty `session_id`, or one equal to `request_id`,
    means a session of its own.

    `embedding_expected` is False where only a sample of events is embedded, so that a missing one says nothing.
    `refused`: whether the answer declines, None without the words of an answer. `latency_ms` is None where nobody
    measured it. `text_key` and `copy_key` are the keys of the words and of the whole text, see `prefix`.

    Raises ValueError for negative counts, shares outside 0..1, too many words, a latency that is not finite or below
    0, and an embedding that is not a finite non-zero vector.
    """

    event_id: str
    request_id: str
    session_id: str
    event_time_us: int
    word_count: int
    char_count: int
    punctuation_share: float
    digit_share: float
    mean_word_length_chars: float
    words: tuple[str, ...]
    embedding: FloatVector | None = None
    embedding_expected: bool = True
    refused: bool | None = None
    latency_ms: float | None = None
    text_key: int = field(init=False, repr=False)
    copy_key: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.word_count < 0 or self.char_count < 0:
            raise ValueError(
                f"event {self.event_id} has {self.word_count} words and {self.char_count} characters; expected >= 0"
            )
        for name, share in (("punctuation_share", self.punctuation_share), ("digit_share", self.digit_share)):
            if not 0.0 <= share <= 1.0:
                raise ValueError(f"{name} of event {self.event_id} is {share}; expected a fraction from 0 to 1")
        if len(self.words) > MAX_WORDS:
            raise ValueError(f"event {self.event_id} has {len(self.words)} words; pass at most {MAX_WORDS}")
        if self.latency_ms is not None and not 0.0 <= self.latency_ms < inf:
            raise ValueError(f"latency of event {self.event_id} is {self.latency_ms} ms; expected a finite number >= 0")
        object.__setattr__(self, "text_key", text_key_of(self.words))
        object.__setattr__(self, "copy_key", copy_key_of(self.text_key, self.char_count, self.punctuation_share))
        if self.embedding is not None:
            object.__setattr__(self, "embedding", _unit(self.embedding, self.event_id))

    @property
    def has_own_session(self) -> bool:
        """True when no other event can share the session of this one."""
        return self.session_id in ("", self.request_id)


OBSERVATIONS = Codec(tuple[Observation, ...], "observations", layout=2)
"""A batch of what a warming bank collects, about 2 kB an embedded event: 5 us."""


def observations_piece(observations: Sequence[Observation]) -> str:
    """Name of what a warming bank has collected: the hash of its first event, and how many they are."""
    first = observations[0].event_id if observations else ""
    return f"warming-{sha256(first.encode()).hexdigest()[:16]}-{len(observations)}"


def _unit(vector: FloatVector, event_id: str) -> FloatVector:
    if vector.ndim != 1:
        raise ValueError(f"embedding of event {event_id} has shape {vector.shape}; expected one vector")
    norm = float(np.sqrt(np.square(vector, dtype=np.float64).sum()))
    if not np.isfinite(norm) or norm == 0.0:
        raise ValueError(f"embedding of event {event_id} has norm {norm}; expected a finite, non-zero vector")
    # Already-unit vectors pass through unchanged, so that decoding a checkpoint gives the same bits.
    unit = vector.astype(np.float32) if abs(norm - 1.0) < 1e-6 else (vector / norm).astype(np.float32)
    unit.setflags(write=False)
    return unit
