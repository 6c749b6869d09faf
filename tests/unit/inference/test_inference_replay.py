"""A batch of calls that is handled again gives the same envelopes under the same ids, with numbers of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from harness.kafka.mock_kafka import MockKafka
from harness.samples.builders import NOON_US, completed
from weir.events import TextFeaturesComputed, encode_body
from weir.events.log import RawMessage
from weir.inference.app import OUT_TOPIC, Features
from weir.inference.core.features import Plan
from weir.inference.core.vectors import EmbeddingCache, FloatVector
from weir.runtime.kafka.handling import Received

pytestmark = pytest.mark.capability("X1")
PLAN = Plan(
    embedding_model="minilm", embedding_dimensions=4, embed_sample_rate=0.5, embed_salt="s", embed_chars_max=100
)


class LengthEmbedder:
    """An embedder whose vectors follow from the text alone."""

    async def embed(self, texts: Sequence[str]) -> list[FloatVector]:
        return [np.array([len(text), 1, 2, 3], np.float32) for text in texts]


async def handled(kafka: MockKafka, folder: Path) -> None:
    """One life of the service over the same batch."""
    link = kafka.link(folder, "inference")
    await link.producer.start(asyncio.Event())
    features = Features(link, LengthEmbedder(), EmbeddingCache(100), PLAN, asyncio.Event())
    events = [completed(seq, route=f"route-{seq % 3}") for seq in range(30)]
    await features.handle(
        [
            Received(RawMessage("inference-responses", 0, offset, None, encode_body(event), NOON_US), event)
            for offset, event in enumerate(events)
        ]
    )
    await link.close()


async def test_a_replay_writes_the_same_ids_and_the_same_features(tmp_path: Path) -> None:
    kafka = MockKafka()
    await handled(kafka, tmp_path / "first")
    await handled(kafka, tmp_path / "second")

    found = [one for one in kafka.events(OUT_TOPIC) if isinstance(one, TextFeaturesComputed)]

    assert len(found) == 6
    assert len({one.event_id for one in found}) == 3
    assert len({(one.event_id, one.event_time_us, one.items) for one in found}) == 3
    assert sorted((one.boot_epoch, one.seq) for one in found) == [
        (epoch, seq) for epoch in sorted({one.boot_epoch for one in found}) for seq in range(3)
    ]
