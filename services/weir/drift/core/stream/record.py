"""Record: the small, often written piece of a stream's checkpoint, as bytes and back.

    content = encode_record(stream, place, warming_bytes)
    record = decode_record(content)          # tells which other pieces are needed
    stream = stream_of(record, observations, fitted)

It names the place in the log up to which the state has read: the two are true only together.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TypeVar

import numpy as np

from weir.detectors.archive import Opened, SnapshotError, pack
from weir.detectors.bank import WarmingBank
from weir.detectors.fitted import Fitted
from weir.detectors.observation import Observation
from weir.detectors.skew import SkewReference
from weir.detectors.snapshot import decode_state, encode_state
from weir.drift.core.stream.insight import Insight
from weir.drift.core.stream.insight_record import decode_insight, encode_insight
from weir.drift.core.stream.seen import Seen
from weir.drift.core.stream.skew_record import dataset_key_of, decode_watch, encode_watch
from weir.drift.core.stream.state import EmbeddingSpace, LastSignal, StreamState


@dataclass(frozen=True, slots=True)
class Place:
    """A message in the log; its timestamp tells a topic that was made anew from a message that is delivered again."""

    partition: int
    offset: int
    timestamp_us: int

    def covers(self, other: Place) -> bool:
        """Whether a state that has read up to here has read `other`."""
        return other.offset <= self.offset and other.timestamp_us <= self.timestamp_us


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """A decoded record. `warming_bytes`: length of the true part of the file of warming pieces."""

    place: Place
    version: int
    is_warming: bool
    warming_bytes: int
    opened: Opened


def encode_record(stream: StreamState, place: Place, warming_bytes: int) -> bytes:
    """The record, about 16 kB and 8 bytes an event remembered as seen. Below 2 ms."""
    requests = stream.requests or {}
    header: dict[str, object] = {
        "tenant": stream.tenant,
        "route": stream.route,
        "partition": place.partition,
        "offset": place.offset,
        "timestamp_us": place.timestamp_us,
        "version": stream.version,
        "is_warming": int(isinstance(stream.bank, WarmingBank)),
        "warming_bytes": warming_bytes,
        "space": asdict(stream.space) if stream.space else {},
        "events_before": stream.events_before,
        "request_events": list(requests),
        "request_ids": list(requests.values()),
        "warming_reason": stream.warming_reason,
        "last_signal": asdict(stream.last_signal) if stream.last_signal else {},
        "seen_capacity": stream.seen.capacity,
    }
    seen = np.fromiter(stream.seen.hashes, dtype=np.uint64, count=len(stream.seen.hashes))
    pieces = {"bank": encode_state(stream.bank), "insight": encode_insight(stream.insight)}
    if stream.skew is not None:
        pieces["skew"] = encode_watch(stream.skew)
    octets = {name: np.frombuffer(piece, dtype=np.uint8) for name, piece in pieces.items()}
    return pack("stream", header, {"seen": seen, **octets})


def decode_record(content: bytes) -> StreamRecord:
    """The record of `content`. Raises SnapshotError for damaged or other bytes."""
    opened = Opened("stream", content)
    return StreamRecord(
        place=Place(opened.integer("partition"), opened.integer("offset"), opened.integer("timestamp_us")),
        version=opened.integer("version"),
        is_warming=bool(opened.integer("is_warming")),
        warming_bytes=opened.integer("warming_bytes"),
        opened=opened,
    )


def dataset_wanted(record: StreamRecord) -> str:
    """The key of the evaluation dataset that the stream is compared with, empty without one."""
    return dataset_key_of(record.opened.octets("skew")) if record.opened.has("skew") else ""


def stream_of(
    record: StreamRecord,
    observations: tuple[Observation, ...],
    fitted: Fitted | None,
    dataset: SkewReference | None = None,
) -> StreamState:
    """The stream of `record` with the pieces its phase needs. Raises SnapshotError when they do not fit.

    dataset: of `dataset_wanted`; without it the stream is not compared with one any more.
    """
    opened = record.opened
    seen = Seen(opened.integer("seen_capacity"), dict.fromkeys(opened.u64("seen").tolist()))
    return StreamState(
        tenant=opened.text("tenant"),
        route=opened.text("route"),
        bank=decode_state(opened.octets("bank"), observations, fitted),
        seen=seen,
        space=_built(EmbeddingSpace, opened.numbers("space")),
        events_before=opened.integer("events_before"),
        requests=dict(zip(opened.texts("request_events"), opened.texts("request_ids"), strict=True)),
        warming_reason=opened.text("warming_reason"),
        last_signal=_built(LastSignal, opened.numbers("last_signal")),
        insight=decode_insight(opened.octets("insight")) if opened.has("insight") else Insight(),
        skew=decode_watch(opened.octets("skew"), dataset) if dataset is not None else None,
    )


_Built = TypeVar("_Built", EmbeddingSpace, LastSignal)


def _built(kind: type[_Built], fields: dict[str, float]) -> _Built | None:
    if not fields:
        return None
    try:
        return kind(**fields)  # type: ignore[arg-type]  # texts and numbers by name, as `asdict` wrote them
    except TypeError as error:
        raise SnapshotError(f"{kind.__name__} of the record does not fit this version: {error}") from error
