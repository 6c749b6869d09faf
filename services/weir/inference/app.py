"""Computing features of completed calls: embeds what is sampled, builds the envelopes, delivers them.

The consumer commits a batch only after `handle` returned, that is, after the log has the envelopes. While the model
server is away the batch is retried, so features are late, never missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from weir.events import InferenceCompleted, InvalidEvent
from weir.inference.adapters.metrics import CACHE, FEATURE_ITEMS, SKIPPED
from weir.inference.core.features import Plan, envelopes, is_embedded, skip_reason, texts_to_embed
from weir.inference.core.ports import Embedder
from weir.inference.core.vectors import EmbeddingCache, FloatVector
from weir.runtime.kafka.handling import Received
from weir.runtime.kafka.link import Link
from weir.runtime.kafka.producer import Outgoing

GROUP = "inference-features"
IN_TOPIC = "inference-responses"
OUT_TOPIC = "text-features"


class Features:
    """The handler of the features consumer."""

    def __init__(self, link: Link, embedder: Embedder, cache: EmbeddingCache, plan: Plan, stop: asyncio.Event) -> None:
        self._link = link
        self._embedder = embedder
        self._cache = cache
        self._plan = plan
        self._stop = stop

    async def handle(self, received: Sequence[Received]) -> None:
        """Publish the features of a batch of one partition; returns when the log has them.

        Raises Retryable while the model server is away, InvalidEvent for an event that cannot be measured.
        """
        events = self._measurable([_completed(one) for one in received])
        vectors = await self._embed(texts_to_embed(events, self._plan))
        # Nothing below fails for the world's sake before the numbers taken here are written: see `EventProducer.deliver`.
        traces = {one.event.event_id: one.trace for one in received if one.trace is not None}
        built = envelopes(events, vectors.get, self._plan, traces)
        sent = [Outgoing(OUT_TOPIC, key, self._link.numbering.number(event)) for key, event in built]
        await self._link.producer.deliver(sent, self._stop, GROUP)
        embedded = sum(is_embedded(event, self._plan) for event in events)
        FEATURE_ITEMS.labels("embedded").inc(embedded)
        FEATURE_ITEMS.labels("statistics").inc(len(events) - embedded)

    def _measurable(self, events: Sequence[InferenceCompleted]) -> list[InferenceCompleted]:
        kept = []
        for event in events:
            reason = skip_reason(event)
            if reason:
                SKIPPED.labels(reason).inc()
            else:
                kept.append(event)
        return kept

    async def _embed(self, texts: Sequence[str]) -> dict[str, FloatVector]:
        known = {text: vector for text in texts if (vector := self._cache.get(text)) is not None}
        missing = [text for text in texts if text not in known]
        CACHE.labels("hit").inc(len(known))
        CACHE.labels("miss").inc(len(missing))
        for text, vector in zip(missing, await self._embedder.embed(missing), strict=True):
            self._cache.put(text, vector)
            known[text] = vector
        return known


def _completed(received: Received) -> InferenceCompleted:
    event = received.event
    if not isinstance(event, InferenceCompleted):
        raise InvalidEvent("wrong_event", f"{IN_TOPIC} held {type(event).__name__}; expected InferenceCompleted")
    return event
