"""Skew signals: the events that tested windows and decisions about the dataset become."""

from __future__ import annotations

from typing import Any

from weir.detectors.observation import Observation
from weir.drift.core.explanation_settings import ExplanationSettings
from weir.drift.core.signal_kinds import Alarm, OperatorDecision, Skew
from weir.drift.core.stream.signals import common_fields
from weir.drift.core.stream.skew_watch import TestedWindow
from weir.drift.core.stream.state import StreamState
from weir.events import DriftState, derived_id

DETECTOR = "skew"
"""Name of the skew test on signals; with tenant and route it identifies the alert."""

EXAMPLES_MAX = 10
"""Calls named as examples (specified by the schema)."""


def skew_signal(
    stream: StreamState, tested: TestedWindow, cause: Observation, events: int, settings: ExplanationSettings
) -> Skew:
    """The signal of a window that raises or ends the skew alarm. `events`: counted by the stream, this one included."""
    result = tested.result
    state: DriftState = "skewed" if tested.is_raised else "cleared"
    common = _common(stream, state, cause.event_id, cause.request_id, cause.event_time_us)
    # In events, as for the bank: a window of n at alpha is wrong once in n / alpha.
    common["arl_target"] = settings.skew_window_events / settings.skew_alpha
    return Skew(
        **common,
        part=result.test,
        statistic=result.p_value,
        threshold=settings.skew_alpha,
        event_index=events,
        since_event_index=max(events - result.events + 1, 1),
        since_time_us=tested.first_us,
        example_request_ids=tested.affected[:EXAMPLES_MAX],
        affected_request_ids=tested.affected,
        skew_p_mmd=result.p_values[0],
        skew_p_novelty=result.p_values[1],
        skew_window_events=result.events,
        guarantee=f"by permutation: one false alarm in {1.0 / settings.skew_alpha:,.0f} windows",
        explanation=_skewed(stream, tested) if tested.is_raised else _cleared(stream, settings),
    )


def skew_decision(
    stream: StreamState, state: DriftState, cause_event_id: str, now_us: int, author: str, reason: str
) -> OperatorDecision:
    """The record that `author` set the dataset of `stream`, or (state `cleared`) that its alarm ends with a decision.

    reason: what the author gave; may be empty.
    """
    watch = stream.skew
    named = f"{watch.reference.name} {watch.reference.version}" if watch else "none"
    compared = f"Live traffic is now compared with the evaluation dataset {named}, as {author} decided."
    return OperatorDecision(
        **_common(stream, state, cause_event_id, "", now_us),
        event_index=stream.events,
        author=author,
        reason=reason,
        explanation=compared if state == "skew_reference" else f"The skew alarm is withdrawn, as {author} decided.",
    )


def skew_withdrawal(stream: StreamState, cause: Observation, reason: str) -> Alarm:
    """The end of an alarm against the dataset of `stream`, because nothing is compared with it any more."""
    return Alarm(
        **_common(stream, "cleared", cause.event_id, cause.request_id, cause.event_time_us),
        event_index=stream.events,
        explanation=f"The skew alarm is withdrawn: the stream is not compared with the dataset any more, because {reason}.",
    )


def _common(
    stream: StreamState, state: DriftState, cause_event_id: str, request_id: str, time_us: int
) -> dict[str, Any]:
    common = common_fields(stream, state, "", cause_event_id, request_id, time_us)
    digest, windows = (stream.skew.reference.digest, stream.skew.windows) if stream.skew else ("", 0)
    event_id = derived_id(cause_event_id, f"skew-signal {state} {digest} {windows}")
    return {**common, "event_id": event_id, "detector": DETECTOR}


def _skewed(stream: StreamState, tested: TestedWindow) -> str:
    watch, result = stream.skew, tested.result
    assert watch is not None
    reference = watch.reference
    meaning = {
        "moved": "their mean embedding moved",
        "higher": "too many are unlike any item",
        "lower": "they are more alike its items than these are each other",
    }
    return (
        f"The last {result.events} prompts differ from evaluation dataset {reference.name} {reference.version} of "
        f"{len(reference.embeddings):,} items: {meaning[result.direction]} ({result.test}, p = {result.p_value:.3g}). "
        "Scores measured on that dataset may not hold for this traffic."
    )


def _cleared(stream: StreamState, settings: ExplanationSettings) -> str:
    assert stream.skew is not None
    reference = stream.skew.reference
    return (
        f"{settings.skew_clear_after_windows} windows in a row did not differ from evaluation dataset "
        f"{reference.name} {reference.version}; the skew alarm is over."
    )
