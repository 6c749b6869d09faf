"""Sample: what one ended call tells a rule over calls.

All measures but the refusal rate leave out refused calls: no model worked on them, and a refusal is answered at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from weir.alerts.core.rule import Rule, word
from weir.assets.call_condition import BURN, CALLS, QUANTILES, CallCondition
from weir.events import InferenceCompleted, InvalidEvent, canonical_json
from weir.events.ranges import TIME, TIME_END_US, TIME_MIN_US

REFUSED = "refused"

ERRORS = frozenset({"failed", "upstream_lost", "aborted"})
"""Outcomes that are errors. A call that its client cancelled is none."""

LABEL_CHARS_MAX = 200
"""Characters of a label of a group; the gateway's names are shorter."""

OTHER = "other"
"""Route of refused calls that named a route which no call was answered on: strangers choose such names."""


@dataclass(frozen=True, slots=True)
class Example:
    """A call that an alert names. amount: what it says; traceparent: its W3C context, empty where it has none."""

    amount: float
    request_id: str
    event_id: str
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """amount: what the call says; None where it does not say it. is_duration: whether it is a duration, milliseconds."""

    amount: float | None
    is_duration: bool = False


def sample_of(condition: CallCondition, event: InferenceCompleted) -> Sample | None:
    """What a call tells; None for a call that is not counted at all."""
    if condition.measure == "refusal_rate":
        return Sample(float(event.outcome == REFUSED))
    if event.outcome == REFUSED:
        return None
    return Sample(_amount(condition.measure, event), condition.measure in QUANTILES)


def is_selected(rule: Rule, event: InferenceCompleted) -> bool:
    """Whether a rule looks at a call."""
    return all(word(getattr(event, name)) in accepted for name, accepted in rule.match.items())


def group_of(condition: CallCondition, event: InferenceCompleted) -> dict[str, str]:
    """The group of a call: its values of the fields in `by`."""
    return {name: str(getattr(event, name))[:LABEL_CHARS_MAX] for name in condition.by}


def is_stranger(rule: Rule, event: InferenceCompleted) -> bool:
    """Whether a call was refused before its route was resolved, so that its route is any text that a caller sent."""
    return event.outcome == REFUSED and not event.release_digest and "route" not in rule.match


def example_of(sample: Sample, event: InferenceCompleted, traceparent: str) -> Example:
    """A call as an example."""
    return Example(sample.amount or 0.0, event.request_id, event.event_id, traceparent)


def check_call(event: InferenceCompleted) -> None:
    """Raises InvalidEvent for a call whose time, numbers or names no alert can carry."""
    if not TIME_MIN_US <= event.event_time_us < TIME_END_US:
        raise InvalidEvent("handler_error", TIME.complaint("event_time_us", event.event_time_us))
    for name in ("latency_ms", "time_to_first_token_ms"):
        value = getattr(event, name)
        if value is not None and not math.isfinite(value):
            raise InvalidEvent(
                "handler_error", f"event {event.event_id!r} has {name} {value}; expected a finite number"
            )
    names = [event.event_id, event.request_id, event.tenant, event.route, event.model, event.release_digest]
    try:
        canonical_json(names).encode()
    except ValueError as error:
        raise InvalidEvent("handler_error", f"event {event.event_id!r} has a name that is no text: {error}") from error


def _amount(measure: str, event: InferenceCompleted) -> float | None:
    if measure in QUANTILES:
        return event.latency_ms if measure.startswith("latency") else event.time_to_first_token_ms
    if measure == CALLS:
        return 1.0
    if measure in ("error_rate", BURN):
        return float(event.outcome in ERRORS)
    counts = {
        "input_tokens_per_min": (event.input_tokens,),
        "output_tokens_per_min": (event.output_tokens,),
        "total_tokens_per_min": (event.input_tokens, event.output_tokens),
    }[measure]
    known = [count for count in counts if count is not None]
    return float(sum(known)) if len(known) == len(counts) else None
