"""StreamState: everything that a monitored stream remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

from weir.detectors.bank import BankState, MonitoringBank, WarmingBank, new_bank
from weir.detectors.settings import BankSettings
from weir.drift.core.signal_kinds import StreamSignal
from weir.drift.core.stream.explanation_basis import ExplanationBasis
from weir.drift.core.stream.seen import Seen, nothing_seen
from weir.drift.core.stream.skew_watch import SkewWatch, fitting
from weir.events import TextFeaturesComputed
from weir.state import Expendable


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """The model whose embeddings a bank compares; distances between two models mean nothing."""

    model: str
    dimensions: int

    @classmethod
    def of(cls, envelope: TextFeaturesComputed) -> EmbeddingSpace:
        """The space of the embeddings in `envelope`."""
        return cls(envelope.embedding_model, envelope.embedding_dimensions)


@dataclass(frozen=True, slots=True)
class LastSignal:
    """What was signalled last, for a person who asks."""

    event_id: str
    state: str
    level: str
    part: str
    event_index: int
    event_time_us: int


@dataclass(frozen=True, slots=True, eq=False)
class StreamState:
    """One stream (tenant, route) and its bank.

    `space` is None until an embedding was seen. `events_before`: events counted under earlier references.
    `requests`: request ids of the events that the bank may name as examples. `warming_reason`: why the current
    reference was begun. `basis`: what explains an alarm. `skew`: the evaluation dataset that the stream is compared
    with, None while nobody has set one.
    """

    tenant: str
    route: str
    bank: BankState
    seen: Seen
    space: EmbeddingSpace | None = None
    events_before: int = 0
    requests: Mapping[str, str] | None = None
    warming_reason: str = "new stream"
    last_signal: LastSignal | None = None
    basis: Annotated[ExplanationBasis, Expendable(ExplanationBasis)] = field(default_factory=ExplanationBasis)
    skew: Annotated[SkewWatch | None, Expendable(lambda: None)] = None

    @property
    def version(self) -> int:
        """Version of the reference that is being collected or compared with."""
        return self.bank.version if isinstance(self.bank, WarmingBank) else self.bank.fitted.reference.version

    @property
    def reference_events(self) -> int:
        """Events in the reference, or gathered so far."""
        if isinstance(self.bank, WarmingBank):
            return len(self.bank.observations)
        return self.bank.fitted.reference.events

    @property
    def events(self) -> int:
        """Events the detector has counted in the life of the stream: one turn a session, see `detectors.sessions`."""
        monitored = self.bank.monitor.index if isinstance(self.bank, MonitoringBank) else 0
        return self.events_before + self.reference_events + monitored


def remembering(stream: StreamState, signals: Sequence[StreamSignal]) -> StreamState:
    """The stream with the last of `signals` as its last one."""
    if not signals:
        return stream
    last = signals[-1]
    kept = LastSignal(last.event_id, last.state, last.level, last.part, last.event_index, last.event_time_us)
    return replace(stream, last_signal=kept)


def new_stream(tenant: str, route: str, settings: BankSettings, seen_events: int) -> StreamState:
    """A stream of which nothing is known. seen_events: events remembered against double counting."""
    return StreamState(tenant, route, new_bank(settings), nothing_seen(seen_events))


def begun_anew(stream: StreamState, settings: BankSettings, reason: str) -> StreamState:
    """The stream collecting its next reference under `settings`; what it has seen and counted stays."""
    return replace(
        stream,
        bank=new_bank(settings, stream.version + 1),
        events_before=stream.events,
        requests=None,
        space=None,
        warming_reason=reason,
        basis=ExplanationBasis(),
    )


def in_space(stream: StreamState, space: EmbeddingSpace) -> StreamState:
    """The stream with embeddings of `space`, and its dataset compared with only when that has the same ones."""
    skew = None if stream.skew is None else fitting(stream.skew, space.model, space.dimensions)
    return replace(stream, space=space, skew=skew)
