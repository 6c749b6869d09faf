"""Intake: what events say to the quality alarms: scores, anchors, and how calls ended.

Scores without a verdict (no threshold) have no pass rate and are left out. How a call ended becomes one score for each
way of ending badly, so that a rise of refusals is not hidden by fewer failures.
"""

from __future__ import annotations

from weir.detectors.scores.score import AnchorScore, Score
from weir.detectors.scores.stream import StreamKey
from weir.events import EvaluationScored, FeatureItem, InvalidEvent, TextFeaturesComputed

BAD_OUTCOMES = ("failed", "refused", "aborted")
"""Ways in which a call ends badly, each a part of its own."""

OUTCOME_PART = "outcome-"
"""Before the outcome in the name of such a part."""


def key_of_score(event: EvaluationScored) -> StreamKey:
    """The stream that a score belongs to: an evaluator under one digest on one route."""
    return StreamKey(event.tenant, event.route, event.evaluator, event.evaluator_digest)


def score_of(event: EvaluationScored) -> Score | AnchorScore | None:
    """What a score says; None when it has no verdict. Raises InvalidEvent for values that cannot be."""
    if not 0.0 < event.inclusion_probability <= 1.0:
        detail = f"inclusion_probability of {event.event_id} is {event.inclusion_probability}; expected (0, 1]"
        raise InvalidEvent("handler_error", detail)
    if event.passed is None:
        return None
    if event.anchor_id:
        if event.anchor_passed is None:
            raise InvalidEvent("handler_error", f"anchor {event.anchor_id} of {event.event_id} has no human label")
        return AnchorScore(
            event_id=event.event_id,
            cause_id=event.event_id,
            anchor_id=event.anchor_id,
            event_time_us=event.event_time_us,
            passed=event.passed,
            human_passed=event.anchor_passed,
        )
    return Score(
        event_id=event.event_id,
        cause_id=event.event_id,
        request_id=event.request_id,
        session_id=event.session_id,
        event_time_us=event.event_time_us,
        is_bad=not event.passed,
        value=event.score,
        inclusion_probability=event.inclusion_probability,
    )


def outcome_scores(envelope: TextFeaturesComputed) -> list[tuple[StreamKey, Score]]:
    """One score for each item and way of ending badly, in order."""
    return [
        (StreamKey(envelope.tenant, envelope.route, OUTCOME_PART + outcome, ""), _outcome_score(item, outcome))
        for item in envelope.items
        for outcome in BAD_OUTCOMES
    ]


def _outcome_score(item: FeatureItem, outcome: str) -> Score:
    return Score(
        event_id=item.response_event_id,
        cause_id=item.response_event_id,
        request_id=item.request_id,
        session_id=item.session_id,
        event_time_us=item.event_time_us,
        is_bad=item.outcome == outcome,
        value=float(item.outcome != outcome),
        inclusion_probability=1.0,
    )
