"""The drift application: one envelope of features at a time, in the order of its partition.

    compute (in a thread) -> announce the signals -> write the checkpoint -> the caller acknowledges the message

A crash between any two of these repeats the envelope from the last checkpoint and announces the same signals with the
same ids. A message that the checkpoint covers is skipped, so state and offset never disagree.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weir.detectors.bank import MonitoringBank, WarmingBank
from weir.detectors.fitted import PARTS
from weir.detectors.settings import BankSettings
from weir.detectors.skew import skew_reference
from weir.drift.adapters.metrics import (
    ADVANCE_SECONDS,
    CHECKPOINT_SECONDS,
    EMBEDDING_CHANGES,
    EVENTS,
    INACTIVE_PARTS,
    SKEW_REFERENCES,
    SKIPPED,
    STREAMS,
    STREAMS_REFUSED,
)
from weir.drift.adapters.refused_streams import RefusedStreams
from weir.drift.core.checkpoint import Checkpoint, LogPosition
from weir.drift.core.explanation_settings import ExplanationSettings
from weir.drift.core.ports import Announcer, Checkpoints, UnknownStream
from weir.drift.core.signal_kinds import StreamSignal
from weir.drift.core.stream.advance import DEFAULT_EXPLANATION, advance
from weir.drift.core.stream.decisions import Dataset, Decision, accepted, compared, dismissed
from weir.drift.core.stream.explanation_basis import novel_clusters
from weir.drift.core.stream.intake import skip_reason
from weir.drift.core.stream.state import StreamState, new_stream
from weir.events import InvalidEvent, NovelCluster, TextFeaturesComputed
from weir.runtime.kafka.handling import Received
from weir.runtime.telemetry.logs import logger

IN_TOPIC = "text-features"
GROUP = "drift"

_Key = tuple[int, str, str]
"""Partition, tenant, route."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the application. `streams_max`: monitored streams. `seen_events`: remembered ones of each stream."""

    streams_max: int
    seen_events: int


class Drift:
    """All monitored streams of this process."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        announcer: Announcer,
        settings: BankSettings,
        limits: Limits,
        explaining: ExplanationSettings = DEFAULT_EXPLANATION,
    ) -> None:
        """Reads the checkpoints. settings: for references begun from now on. explaining: of skew and explanations."""
        self._checkpoints = checkpoints
        self._announcer = announcer
        self._settings = settings
        self._limits = limits
        self._explaining = explaining
        self._turn = asyncio.Lock()
        self._refused = RefusedStreams(STREAMS_REFUSED, "WEIR_DRIFT_STREAMS_MAX")
        self._streams: dict[_Key, Checkpoint] = {_key_of(one): one for one in checkpoints.load()}
        self._note_streams()
        for one in self._streams.values():
            _log_kept_settings(one.stream, settings)

    def streams(self) -> Iterable[Checkpoint]:
        """The streams and how far each has read, in order of tenant and route."""
        return sorted(self._streams.values(), key=lambda one: (one.stream.tenant, one.stream.route))

    def clusters(self, tenant: str, route: str) -> tuple[NovelCluster, ...]:
        """The novel clusters of a stream, growing ones first. Raises UnknownStream."""
        stream = self._found(tenant, route).stream
        known = stream.basis.clusters
        if known is None or not isinstance(stream.bank, MonitoringBank):
            return ()
        return novel_clusters(stream.basis, known.words, stream.bank.monitor.index, self._explaining)

    async def handle(self, received: Received) -> None:
        """Take in one envelope; returns when its signals are acknowledged and its checkpoint is on disk.

        Raises InvalidEvent for an envelope that cannot be believed, Retryable when the disk or the broker refuses.
        """
        envelope, message = received.event, received.message
        if not isinstance(envelope, TextFeaturesComputed):
            raise InvalidEvent("wrong_event", f"{IN_TOPIC} held {envelope.EVENT}; expected TextFeaturesComputed")
        async with self._turn:
            await self._advance(envelope, LogPosition(message.partition, message.offset, message.timestamp_us))

    async def accept(self, tenant: str, route: str, by: Decision, now_us: int) -> Checkpoint:
        """Take the traffic from now on for the new normal: the next reference of the stream is begun.

        Alarms that are on are withdrawn. The signal names who decided and why. Raises UnknownStream, Retryable.
        """
        async with self._turn:
            before = self._found(tenant, route)
            after, signals = accepted(before.stream, self._settings, by, now_us)
            logger().info("drift_accepted", tenant=tenant, route=route, version=after.version, author=by.author)
            return await self._settle(Checkpoint(before.position, after), signals)

    async def dismiss(self, tenant: str, route: str, by: Decision, now_us: int) -> Checkpoint:
        """The alarms were false or are dealt with: they end, the reference stays. Raises UnknownStream, Retryable."""
        async with self._turn:
            before = self._found(tenant, route)
            after, signals = dismissed(before.stream, by, now_us)
            logger().info("drift_dismissed", tenant=tenant, route=route, version=after.version, author=by.author)
            return await self._settle(Checkpoint(before.position, after), signals)

    async def compare(self, tenant: str, route: str, dataset: Dataset, now_us: int) -> Checkpoint:
        """Compare the stream with an evaluation dataset from now on. Raises UnknownStream, Retryable, and ValueError for
        embeddings that it cannot be compared by.
        """
        reference = await asyncio.to_thread(
            skew_reference, dataset.name, dataset.version, dataset.digest, dataset.embeddings
        )
        async with self._turn:
            before = self._found(tenant, route)
            after, signals = compared(before.stream, reference, dataset.model, dataset.by, now_us)
            return await self._settle(Checkpoint(before.position, after), signals)

    async def _advance(self, envelope: TextFeaturesComputed, position: LogPosition) -> None:
        before = self._streams.get((position.partition, envelope.tenant, envelope.route))
        if before is not None and before.position.covers(position):
            SKIPPED.labels("offset").inc(len(envelope.items))
            return
        stream = before.stream if before else self._admitted(envelope)
        if stream is None:
            return
        with ADVANCE_SECONDS.time():
            # A completed reference takes about 2 s: in a thread, so that heartbeats and the health page go on.
            done = await asyncio.to_thread(advance, stream, envelope, self._settings, self._explaining)
        _note_items(envelope, done.repeated)
        if done.is_other_space:
            EMBEDDING_CHANGES.inc()
            model = envelope.embedding_model
            logger().warning("embedding_model_changed", tenant=stream.tenant, route=stream.route, model=model)
        await self._settle(Checkpoint(position, done.stream), done.signals)
        EVENTS.inc(len(done.new))

    async def _settle(self, checkpoint: Checkpoint, signals: Sequence[StreamSignal]) -> Checkpoint:
        if signals:
            await self._announcer.announce(signals)
        with CHECKPOINT_SECONDS.time():
            await asyncio.to_thread(self._checkpoints.save, checkpoint)
        self._streams[_key_of(checkpoint)] = checkpoint
        self._note_streams()
        return checkpoint

    def _admitted(self, envelope: TextFeaturesComputed) -> StreamState | None:
        tenant, route = envelope.tenant, envelope.route
        if all(map(skip_reason, envelope.items)):
            _note_items(envelope, 0)
            return None
        if len(self._streams) < self._limits.streams_max:
            return new_stream(tenant, route, self._settings, self._limits.seen_events)
        self._refused.refuse(self._limits.streams_max, tenant=tenant, route=route)
        return None

    def _found(self, tenant: str, route: str) -> Checkpoint:
        of_stream = [one for key, one in self._streams.items() if key[1:] == (tenant, route)]
        if not of_stream:
            raise UnknownStream(f"no stream of tenant {tenant!r} and route {route!r} is monitored")
        # After a change of the number of partitions the older position no longer moves.
        return max(of_stream, key=lambda one: one.position.timestamp_us)

    def _note_streams(self) -> None:
        phases = Counter(phase_of(one.stream) for one in self._streams.values())
        for phase in ("warming", "monitoring"):
            STREAMS.labels(phase).set(phases[phase])
        banks = [one.stream.bank for one in self._streams.values() if isinstance(one.stream.bank, MonitoringBank)]
        inactive = Counter(part for bank in banks for part in bank.fitted.inactive_parts)
        for part in PARTS:
            INACTIVE_PARTS.labels(part).set(inactive[part])
        SKEW_REFERENCES.set(sum(one.stream.skew is not None for one in self._streams.values()))


def phase_of(stream: StreamState) -> str:
    """`warming` or `monitoring`."""
    return "warming" if isinstance(stream.bank, WarmingBank) else "monitoring"


def _key_of(checkpoint: Checkpoint) -> _Key:
    return checkpoint.position.partition, checkpoint.stream.tenant, checkpoint.stream.route


def _note_items(envelope: TextFeaturesComputed, seen: int) -> None:
    for reason, count in Counter(map(skip_reason, envelope.items)).items():
        if reason:
            SKIPPED.labels(reason).inc(count)
    if seen:
        SKIPPED.labels("seen").inc(seen)


def _log_kept_settings(stream: StreamState, settings: BankSettings) -> None:
    if stream.bank.settings != settings:
        logger().warning(
            "stream_keeps_settings",
            tenant=stream.tenant,
            route=stream.route,
            reference_version=stream.version,
            hint="the new settings hold from the next accepted reference on",
        )
