"""Decisions: what a person may do to a stream, each recorded as a signal with its author.

`accepted`: the traffic is the new normal, and the next version of the reference is begun. `dismissed`: the alarm was
false or is dealt with, statistics start again against the same reference. `compared`: an evaluation dataset version to
test for skew against. Nothing else changes a reference, except another embedding model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from weir.detectors.bank import MonitoringBank, reset
from weir.detectors.reference import EmbeddingMatrix
from weir.detectors.settings import BankSettings
from weir.detectors.skew import SkewReference
from weir.drift.core.intents import Intents
from weir.drift.core.signal_kinds import StreamSignal
from weir.drift.core.stream import skew_watch
from weir.drift.core.stream.sentences import NEW_REFERENCE
from weir.drift.core.stream.signals import decision, withdrawals
from weir.drift.core.stream.skew_signals import skew_decision
from weir.drift.core.stream.skew_watch import SkewWatch, fitting
from weir.drift.core.stream.state import StreamState, begun_anew, remembering
from weir.events import named_id


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided, and why; the reason may be empty."""

    author: str
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """An evaluation dataset version as somebody gives it: `embeddings` (N, d) by `model`, empty where it is not said."""

    name: str
    version: str
    digest: str
    model: str
    embeddings: EmbeddingMatrix
    by: Decision


def accepted(
    stream: StreamState, settings: BankSettings, by: Decision, now_us: int
) -> tuple[StreamState, list[StreamSignal]]:
    """The stream collecting its next reference under `settings`, and its signals: withdrawals, then the decision."""
    cause, after = _cause(stream, now_us), begun_anew(stream, settings, "the change was accepted")
    signals = withdrawals(stream, cause, _last_request(stream), now_us, f"{NEW_REFERENCE}the change was accepted")
    if stream.skew is not None and stream.skew.is_raised:
        signals.append(skew_decision(stream, "cleared", cause, now_us, by.author, by.reason))
        after = replace(after, skew=skew_watch.reset(stream.skew))
    version = str(after.version)
    signals.append(
        decision(stream, "accepted", cause, now_us, author=by.author, reason=by.reason, next_version=version)
    )
    return remembering(after, signals), signals


def dismissed(stream: StreamState, by: Decision, now_us: int) -> tuple[StreamState, list[StreamSignal]]:
    """The stream with its alarms off, that of skew included, and its signals."""
    cause = _cause(stream, now_us)
    signals = withdrawals(stream, cause, _last_request(stream), now_us, "the alarm was dismissed")
    if stream.skew is not None and stream.skew.is_raised:
        signals.append(skew_decision(stream, "cleared", cause, now_us, by.author, by.reason))
    signals.append(decision(stream, "dismissed", cause, now_us, author=by.author, reason=by.reason))
    after = replace(stream, skew=skew_watch.reset(stream.skew) if stream.skew else None)
    if isinstance(stream.bank, MonitoringBank):
        after = replace(
            after,
            bank=reset(stream.bank),
            # Monitored events are counted from 1 again: what was counted moves before them, evidence of both never mixes.
            events_before=stream.events - stream.reference_events,
            requests=None,
            basis=replace(stream.basis, recent=(), intents=Intents()),
        )
    return remembering(after, signals), signals


def compared(
    stream: StreamState, reference: SkewReference, model: str, by: Decision, now_us: int
) -> tuple[StreamState, list[StreamSignal]]:
    """The stream compared with `reference` from now on, and its signals. An alarm against another one ends.

    Raises ValueError when the stream's embeddings are known to come from another model.
    """
    watch = SkewWatch(reference, by.author, model)
    if stream.space is not None and fitting(watch, stream.space.model, stream.space.dimensions).is_stale:
        raise ValueError(
            f"the dataset has embeddings of {model or 'an unnamed model'} with {reference.embeddings.shape[1]} numbers, "
            f"the stream those of {stream.space.model} with {stream.space.dimensions}; embed it with the stream's model"
        )
    cause, signals = _cause(stream, now_us), list[StreamSignal]()
    if stream.skew is not None and stream.skew.is_raised:
        signals.append(skew_decision(stream, "cleared", cause, now_us, by.author, by.reason))
    after = replace(stream, skew=watch)
    signals.append(skew_decision(after, "skew_reference", cause, now_us, by.author, by.reason))
    return remembering(after, signals), signals


def _cause(stream: StreamState, now_us: int) -> str:
    # Derived from what was signalled last, so that a decision sent twice around a crash is one event.
    if stream.last_signal is not None:
        return stream.last_signal.event_id
    return named_id(now_us, f"decision {stream.tenant} {stream.route} {stream.version}")


def _last_request(stream: StreamState) -> str:
    return next(reversed([*(stream.requests or {}).values()]), "")
