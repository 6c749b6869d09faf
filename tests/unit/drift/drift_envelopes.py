"""Envelopes of synthetic traffic, and an application over them that can be killed at any point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from harness.samples.builders import NOON_US, envelope, feature_item, text_features
from unit.drift.drift_traffic import DIMENSIONS, Traffic
from weir.detectors.observation import Observation
from weir.detectors.settings import BankSettings
from weir.drift.adapters.checkpoints import FileCheckpoints
from weir.drift.app import IN_TOPIC, Drift, Limits
from weir.drift.core.checkpoint import Checkpoint
from weir.drift.core.signal_kinds import StreamSignal, record_of
from weir.events import DriftSignalled, FeatureItem, TextFeaturesComputed, named_id
from weir.events.log import RawMessage
from weir.runtime.errors import Retryable
from weir.runtime.kafka.handling import Received

SMALL = BankSettings(
    warn_arl_events=200.0,
    page_arl_events=2_000.0,
    min_reference_events=60,
    reference_events=60,
    max_reference_events=80,
    clear_after_events=10,
)
LIMITS = Limits(streams_max=2, seen_events=512)


def item_of(observation: Observation) -> FeatureItem:
    """The item that inference would have written for `observation`."""
    number = observation.event_id
    prompt = text_features(
        words=observation.word_count,
        chars=observation.char_count,
        punctuation_share=observation.punctuation_share,
        digit_share=observation.digit_share,
        mean_word_chars=observation.mean_word_length_chars,
        tokens=observation.words,
        embedding=() if observation.embedding is None else tuple(observation.embedding.tolist()),
    )
    return feature_item(
        response_event_id=named_id(NOON_US + observation.event_time_us, f"response {number}"),
        request_id=named_id(NOON_US, f"request {number}"),
        session_id=observation.session_id,
        event_time_us=NOON_US + observation.event_time_us,
        prompt=prompt,
    )


def enveloped(items: Sequence[FeatureItem], seq: int = 0, **fields: object) -> TextFeaturesComputed:
    """One envelope of `items`."""
    plain = TextFeaturesComputed(
        **envelope("features", seq),
        route="docs-qa",
        embedding_model="minilm",
        embedding_dimensions=DIMENSIONS,
        items=tuple(items),
    )
    return replace(plain, **fields)  # type: ignore[arg-type]  # fields by name


def received(event: TextFeaturesComputed, offset: int, partition: int = 0) -> Received:
    """`event` at a place of the log."""
    return Received(RawMessage(IN_TOPIC, partition, offset, b"demo/docs-qa", b"", NOON_US + offset), event)


def cut(items: Sequence[FeatureItem], sizes: Sequence[int]) -> list[TextFeaturesComputed]:
    """`items` in envelopes of these sizes, the last size again and again."""
    envelopes: list[TextFeaturesComputed] = []
    start = 0
    while start < len(items):
        size = sizes[min(len(envelopes), len(sizes) - 1)]
        envelopes.append(enveloped(items[start : start + size], len(envelopes)))
        start += size
    return envelopes


@cache
def shifting_items(seed: int = 7, quiet: int = 40, shifted: int = 8, tail: int = 60) -> tuple[FeatureItem, ...]:
    """Enough for a small reference, then quiet traffic, a change, and quiet traffic again. Drawn once, read by many tests."""
    source = Traffic(seed)
    events = [*source.events(60 + quiet), *source.events(shifted, shift=9.0), *source.events(tail)]
    return tuple(item_of(event) for event in events)


class Killed(Exception):
    """Stands for the end of the process."""


@dataclass
class Log:
    """Keeps what was announced; `dies_after` signals of one life it kills the process."""

    signals: list[DriftSignalled] = field(default_factory=list)
    dies_before: int | None = None

    async def announce(self, signals: Sequence[StreamSignal]) -> None:
        if self.dies_before is not None and len(self.signals) + len(signals) > self.dies_before:
            raise Killed
        self.signals.extend(map(record_of, signals))


@dataclass
class Disk:
    """Real checkpoints that fail or kill the process on request."""

    files: FileCheckpoints
    full: bool = False
    dies_before: int | None = None
    dies_after: int | None = None
    saves: int = 0

    def load(self) -> list[Checkpoint]:
        return self.files.load()

    def save(self, checkpoint: Checkpoint) -> None:
        if self.full:
            raise Retryable("the disk is full")
        if self.saves == self.dies_before:
            raise Killed
        self.files.save(checkpoint)
        if self.saves == self.dies_after:
            raise Killed
        self.saves += 1


async def run_life(root: Path, log: Log, envelopes: Sequence[TextFeaturesComputed], **deaths: int) -> bool:
    """Handle `envelopes` from the first on, as an unacknowledged log delivers them; False when it was killed."""
    files = FileCheckpoints(root)
    try:
        drift = Drift(Disk(files, **deaths), log, SMALL, LIMITS)  # type: ignore[arg-type]  # only the deaths, by name
        for offset, event in enumerate(envelopes):
            await drift.handle(received(event, offset))
    except Killed:
        return False
    finally:
        files.close()
    return True
