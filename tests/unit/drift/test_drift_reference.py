"""A reference is decided by its events and version, and cannot be changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from unit.drift.drift_traffic import Traffic
from weir.detectors.reference import build_reference


def test_digest_depends_on_contents_order_and_version_only() -> None:
    events = Traffic(3).events(60)
    digest = build_reference(events, 1).digest
    assert digest == build_reference(Traffic(3).events(60), 1).digest
    longer = replace(events[0], char_count=events[0].char_count + 1)
    others = [build_reference(events, 2), build_reference(events[::-1], 1), build_reference([longer, *events[1:]], 1)]
    assert len({digest, *(other.digest for other in others)}) == 4


def test_arrays_are_read_only() -> None:
    reference = build_reference(Traffic(3).events(60), 1)
    for array in (reference.embeddings, reference.char_counts, reference.word_ids, reference.word_counts.counts):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_events_without_embedding_or_words_are_kept_where_they_count() -> None:
    source = Traffic(3)
    events = [*source.events(20), *(source.event(embedded=False) for _ in range(5)), source.event(words=0)]
    reference = build_reference(events, 1)
    assert (reference.events, len(reference.embeddings), len(reference.texts())) == (26, 21, 25)
