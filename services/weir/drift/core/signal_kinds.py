"""Signals: what drift publishes, a type for each kind; all are one event on the wire, `DriftSignalled`.

Every field is named as in that event, whose schema says what it means. A field that is not of a kind has the event's default.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from weir.drift.core.explanation import Explanation
from weir.events import DriftLevel, DriftSignalled, DriftState, DriftVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSignal:
    """What each kind says: which stream is in which state since which event, against which reference and dataset."""

    event_id: str
    tenant: str
    event_time_us: int
    route: str
    detector: str
    config_digest: str
    state: DriftState
    level: DriftLevel = ""
    part: str = ""
    arl_target: float = 0.0
    event_index: int
    reference_version: str
    reference_digest: str
    reference_events: int
    trigger_request_id: str = ""
    explanation: str
    dataset_name: str = ""
    dataset_version: str = ""
    dataset_digest: str = ""
    dataset_items: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding(StreamSignal):
    """What a detector found: a statistic beside its threshold, and since when; nothing of it where no alarm is raised."""

    statistic: float = 0.0
    threshold: float = 0.0
    since_event_index: int = -1
    since_time_us: int = 0
    guarantee: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm(Finding):
    """A stream of texts: warming, monitoring, fired or cleared. explained: of one that fired."""

    example_request_ids: tuple[str, ...] = ()
    explained: Explanation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew(Finding):
    """A window of a stream of texts beside the evaluation dataset: skewed or cleared."""

    example_request_ids: tuple[str, ...]
    affected_request_ids: tuple[str, ...]
    skew_p_mmd: float
    skew_p_novelty: float
    skew_window_events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityVerdict(Finding):
    """A stream of scores: warming, monitoring, fired or cleared, and who changed."""

    verdict: DriftVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorDecision(StreamSignal):
    """What a person decided about a stream: accepted, dismissed, skew_reference, or cleared with one of these."""

    author: str
    reason: str = ""
    next_reference_version: str = ""


def record_of(signal: StreamSignal) -> DriftSignalled:
    """The event that `signal` is on the wire, without a number."""
    values = {one.name: getattr(signal, one.name) for one in fields(signal)}
    explained = values.pop("explained", None)
    if explained is not None:
        values |= {one.name: getattr(explained, one.name) for one in fields(explained)}
    return DriftSignalled(**values)
