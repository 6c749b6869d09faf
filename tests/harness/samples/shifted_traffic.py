"""Features of invented traffic that changes, and the envelopes that carry them: as inference publishes them, no model asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.samples.builders import feature_item, text_features
from weir.events import FeatureItem, TextFeatures, TextFeaturesComputed, named_id

ENVELOPE = 50
"""Items of an envelope."""

DIMENSIONS = 384
"""Numbers of an embedding: MiniLM's."""
STEADY_WORDS = tuple(f"word{number}" for number in range(300))
OTHER_WORDS = tuple(f"wort{number}" for number in range(300))


@dataclass(frozen=True, slots=True)
class Traffic:
    """One stream of one source. name: begins every id, so that two tests share none. at_us: the time of all of it, near
    the real time where a store is to keep it: what is older than the retention expires.
    """

    name: str
    tenant: str
    route: str
    boot_epoch: int
    at_us: int

    def items(self, count: int, start: int, words: tuple[str, ...], centre: np.ndarray[Any, Any]) -> list[FeatureItem]:
        """So many events from number `start` on: texts of these words, embedded around `centre`, (384,)."""
        random = np.random.default_rng(start)
        return [
            feature_item(
                start + number,
                event_time_us=self.at_us + start + number,
                request_id=named_id(self.at_us, f"{self.name} {start + number}"),
                response_event_id=named_id(self.at_us, f"{self.name} completed {start + number}"),
                prompt=_text(random, words, centre),
            )
            for number in range(count)
        ]

    def envelopes(self, items: Sequence[FeatureItem], first_seq: int = 0) -> Iterator[TextFeaturesComputed]:
        """Envelopes of the items, numbered from `first_seq` on."""
        for seq, start in enumerate(range(0, len(items), ENVELOPE), first_seq):
            yield TextFeaturesComputed(
                event_id=named_id(self.at_us, f"{self.name} envelope {seq}"),
                source=f"{self.name}/1",
                boot_epoch=self.boot_epoch,
                seq=seq,
                tenant=self.tenant,
                trace_id="",
                span_id="",
                parent_span_id="",
                event_time_us=self.at_us,
                route=self.route,
                embedding_model="minilm",
                embedding_dimensions=DIMENSIONS,
                items=tuple(items[start : start + ENVELOPE]),
            )


def _text(random: np.random.Generator, words: tuple[str, ...], centre: np.ndarray[Any, Any]) -> TextFeatures:
    vector = centre + random.normal(size=DIMENSIONS) * 0.05
    vector /= np.linalg.norm(vector)
    tokens = tuple(random.choice(words, size=int(random.integers(6, 14))))
    return replace(
        text_features(words=len(tokens)),
        chars=sum(map(len, tokens)) + len(tokens) - 1,
        punctuation_share=float(random.uniform(0.01, 0.05)),
        tokens=tuple(map(str, tokens)),
        embedding=tuple(float(number) for number in vector),
    )
