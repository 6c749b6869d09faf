"""Bytes of some observations: one append-only piece of what a warming bank collects, about 2 kB an embedded event.

piece = encode_observations(state.observations[written:])
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weir.detectors.archive import Json, Opened, pack
from weir.detectors.observation import Observation

_SEPARATOR = "\x1f"
"""Unit separator: no word holds it, words being runs of letters, digits and `_`."""

_UNKNOWN = -1
"""Stands for a flag that nobody knows."""


def encode_observations(observations: Sequence[Observation]) -> bytes:
    """The piece. About 0.5 ms, and 5 us an event. Raises ValueError for a word that holds the separator."""
    if any(_SEPARATOR in word for item in observations for word in item.words):
        raise ValueError("a word holds the unit separator (0x1f); pass words as `words_of` makes them")
    embedded = [item.embedding for item in observations if item.embedding is not None]
    header: Json = {
        "event_ids": [item.event_id for item in observations],
        "request_ids": [item.request_id for item in observations],
        "session_ids": [item.session_id for item in observations],
        "release_digests": [item.release_digest for item in observations],
        "words": [_SEPARATOR.join(item.words) for item in observations],
    }
    integers = [
        (
            item.event_time_us, item.word_count, item.char_count, item.embedding is not None, item.embedding_expected,
            _UNKNOWN if item.refused is None else item.refused,
        )
        for item in observations
    ]  # fmt: skip
    floats = [
        (
            item.punctuation_share, item.digit_share, item.mean_word_length_chars,
            np.nan if item.latency_ms is None else item.latency_ms,
        )
        for item in observations
    ]  # fmt: skip
    return pack(
        "observations",
        header,
        {
            "integers": np.array(integers, dtype=np.int64).reshape(-1, 6),
            "floats": np.array(floats, dtype=np.float64).reshape(-1, 4),
            "embeddings": np.stack(embedded) if embedded else np.zeros((0, 0), dtype=np.float32),
        },
    )


def decode_observations(content: bytes) -> tuple[Observation, ...]:
    """The observations of one piece. Raises SnapshotError for damaged or other bytes."""
    opened = Opened("observations", content)
    embeddings = iter(opened.f32("embeddings"))
    ids = zip(opened.texts("event_ids"), opened.texts("request_ids"), opened.texts("session_ids"), strict=True)
    texts = zip(opened.texts("words"), opened.texts("release_digests"), strict=True)
    rows = zip(ids, texts, opened.i64("integers"), opened.f64("floats"), strict=True)
    return tuple(
        Observation(
            event_id=event_id,
            request_id=request_id,
            session_id=session_id,
            event_time_us=int(integers[0]),
            word_count=int(integers[1]),
            char_count=int(integers[2]),
            punctuation_share=float(floats[0]),
            digit_share=float(floats[1]),
            mean_word_length_chars=float(floats[2]),
            words=tuple(words.split(_SEPARATOR)) if words else (),
            embedding=next(embeddings) if integers[3] else None,
            embedding_expected=bool(integers[4]),
            refused=None if integers[5] == _UNKNOWN else bool(integers[5]),
            latency_ms=None if np.isnan(floats[3]) else float(floats[3]),
            release_digest=release_digest,
        )
        for (event_id, request_id, session_id), (words, release_digest), integers, floats in rows
    )
