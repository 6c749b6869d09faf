"""Advance: what one envelope of features does to a monitored stream.

    done = advance(stream, envelope, settings)      # done.stream, done.signals

The bank folds the events into steps; explanation, skew and signals fold over the steps, one by one, so what a signal says
does not depend on how the events came in envelopes.

Events counted before are left out. Another embedding model is no drift: the alarm that is on is withdrawn and the
stream warms again, under the next version of its reference; two models that take turns on one stream would keep it
warming for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from weir.detectors.bank import BankState, MonitoringBank, WarmingBank, step_many
from weir.detectors.observation import Observation
from weir.detectors.outcomes import Frozen, Signal
from weir.detectors.settings import BankSettings
from weir.detectors.step import Step
from weir.detectors.uniform import uniform_of
from weir.drift.core.explanation_settings import ExplanationSettings
from weir.drift.core.signal_kinds import StreamSignal
from weir.drift.core.stream.explanation_basis import basis_of, explain, with_event
from weir.drift.core.stream.intake import Assets, assets_of, observations_of
from weir.drift.core.stream.sentences import NEW_REFERENCE
from weir.drift.core.stream.signals import signal_of, withdrawals
from weir.drift.core.stream.skew_signals import skew_signal, skew_withdrawal
from weir.drift.core.stream.skew_watch import reset, watched
from weir.drift.core.stream.state import EmbeddingSpace, StreamState, begun_anew, in_space, remembering
from weir.events import TextFeaturesComputed

TIES_SALT = "ties"
"""Salt of the number that breaks ties of an event."""

DEFAULT_EXPLANATION = ExplanationSettings()
"""What explains and compares where nobody chose otherwise."""


@dataclass(frozen=True, slots=True, eq=False)
class Advance:
    """What one envelope does: the stream after it, and the signals on the way. new: the events counted. repeated: how many
    had been counted before. is_other_space: whether the embeddings come from another model than those before.
    """

    stream: StreamState
    signals: tuple[StreamSignal, ...]
    new: Sequence[Observation]
    repeated: int
    is_other_space: bool = False


def advance(
    stream: StreamState,
    envelope: TextFeaturesComputed,
    settings: BankSettings,
    explaining: ExplanationSettings = DEFAULT_EXPLANATION,
) -> Advance:
    """What `envelope`, which is of this stream, does.

    settings: of a reference that is begun here. explaining: of skew and explanations. Raises InvalidEvent for an envelope that
    cannot be believed. Cost: as `bank.step_many`, about 2 s where a reference is completed.
    """
    watched_items = observations_of(envelope)
    new = _not_counted(stream, watched_items)
    repeated = len(watched_items) - len(new)
    if not new:
        return Advance(stream, (), new, repeated)
    space, is_embedded = EmbeddingSpace.of(envelope), any(item.embedding is not None for item in new)
    is_other = is_embedded and stream.space not in (None, space)
    signals: list[StreamSignal] = []
    if is_other:
        first, reason = new[0], _change_of(stream.space, space)
        signals.extend(
            withdrawals(stream, first.event_id, first.request_id, first.event_time_us, NEW_REFERENCE + reason)
        )
        stream = begun_anew(stream, settings, reason)
    if is_embedded:
        stream = in_space(stream, space)
    if is_other and stream.skew is not None and stream.skew.is_raised and stream.skew.is_stale:
        signals.append(skew_withdrawal(stream, first, reason))
        stream = replace(stream, skew=reset(stream.skew))
    bank, steps = step_many(stream.bank, new, [uniform_of(one.event_id, TIES_SALT) for one in new])
    requests = {**(stream.requests or {}), **{item.event_id: item.request_id for item in new}}
    after, signalled = _follow(stream, bank, steps, requests, explaining, assets_of(envelope))
    seen = stream.seen.with_ids(item.event_id for item in new)
    after = replace(after, requests=_still_named(bank, requests), seen=seen)
    signals.extend(signalled)
    return Advance(remembering(after, signals), tuple(signals), new, repeated, is_other)


def _not_counted(stream: StreamState, observations: Sequence[Observation]) -> list[Observation]:
    """The observations that the stream has not counted, each once."""
    by_id: dict[str, Observation] = {}
    for item in observations:
        by_id.setdefault(item.event_id, item)
    return [item for item in by_id.values() if item.event_id not in stream.seen]


def _change_of(before: EmbeddingSpace | None, after: EmbeddingSpace) -> str:
    was = f"{before.model} ({before.dimensions})" if before else "none"
    return f"the embedding model changed from {was} to {after.model} ({after.dimensions})"


def _follow(
    before: StreamState,
    bank: BankState,
    steps: Sequence[Step],
    requests: Mapping[str, str],
    settings: ExplanationSettings,
    assets: Assets,
) -> tuple[StreamState, list[StreamSignal]]:
    """The stream with `bank`, which made `steps` since `before`, and the signals. requests: request ids by event id."""
    stream, basis, skew, signals = replace(before, bank=bank), before.basis, before.skew, list[StreamSignal]()
    fitted = bank.fitted if isinstance(bank, MonitoringBank) else None
    reference = list(before.bank.observations) if isinstance(before.bank, WarmingBank) else []
    for events, step in enumerate(steps, before.events + 1):
        cause = step.observation
        if fitted is None or not step.index:
            reference.append(cause)
        else:
            basis = with_event(basis, fitted, step, assets.get(cause.event_id, ()))
        for outcome in step.outcomes:
            explanation = None
            if isinstance(outcome, Frozen):
                basis = basis_of(reference)
            elif isinstance(outcome, Signal) and fitted is not None:
                explanation = explain(basis, fitted, outcome, stream.tenant, settings)
            signal = signal_of(stream, outcome, cause, requests, explanation)
            signals += [signal] if signal is not None else []
        if skew is not None:
            skew, tested = watched(skew, cause, settings)
            if tested is not None and (tested.is_raised or tested.is_cleared):
                then = replace(stream, bank=_phase(before.bank, bank, step, reference), skew=skew)
                signals.append(skew_signal(then, tested, cause, events, settings))
    return replace(stream, basis=basis, skew=skew), signals


def _phase(before: BankState, after: BankState, step: Step, reference: Sequence[Observation]) -> BankState:
    """The bank as of `step`, as far as a signal names its reference. reference: what was collected by then."""
    is_collecting = not step.index and not any(isinstance(outcome, Frozen) for outcome in step.outcomes)
    if is_collecting and isinstance(before, WarmingBank):
        return replace(before, observations=tuple(reference))
    return after


def _still_named(bank: BankState, requests: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(bank, MonitoringBank):
        return {}
    return {event.event_id: requests[event.event_id] for event in bank.monitor.recent}
