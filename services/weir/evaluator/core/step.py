"""The step: one event in, the scores it causes out. Without a clock, so a replay says the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from weir.evaluator.core.active import ActiveEvaluators
from weir.evaluator.core.anchor_scores import score_between, score_for_signal
from weir.evaluator.core.anchors import ActiveAnchors
from weir.evaluator.core.scored import Cause, Scored, score_event
from weir.evaluator.core.scorers import Scorer
from weir.evaluator.core.subjects import RecentSubjects, Subject, subject_of_item, subject_of_response
from weir.evaluator.core.verdict import Verdict
from weir.events import (
    DriftSignalled,
    Event,
    FeatureItem,
    FeedbackReceived,
    InferenceCompleted,
    InvalidEvent,
    TextFeaturesComputed,
)
from weir.events.coin import is_chosen
from weir.events.trace_context import TraceContext, read_traces

NO_ANCHORS = ActiveAnchors()

Judge = Callable[[Scorer], Verdict | None]
"""Lets a scorer look at the event in flight."""


def step(
    recent: RecentSubjects,
    event: Event,
    active: ActiveEvaluators,
    anchors: ActiveAnchors = NO_ANCHORS,
    trace: TraceContext | None = None,
) -> tuple[RecentSubjects, list[Scored]]:
    """The memory and the scores after one event. The memory is changed in place; a repeated step changes nothing.

    trace: that the event's message carries; None where it carries none.

    Scores of anchors follow the scores of the calls after which they are due. Raises InvalidEvent for an event of
    another kind. Ids are UUIDs: what decodes an event has checked them.
    """
    if isinstance(event, DriftSignalled):
        return recent, list(score_for_signal(event, active, anchors))
    recent, scores = _of_call(recent, event, active, trace)
    return recent, [*scores, *score_between(scores, anchors)]


def _of_call(
    recent: RecentSubjects, event: Event, active: ActiveEvaluators, trace: TraceContext | None
) -> tuple[RecentSubjects, list[Scored]]:
    if isinstance(event, InferenceCompleted):
        subject = subject_of_response(event, trace)
        recent.remember(subject)
        cause = Cause(event.event_id, event.event_time_us, "inference-responses")
        return recent, list(_scores(cause, subject, active, lambda one: one.response and one.response(event)))
    if isinstance(event, TextFeaturesComputed):
        return recent, list(_of_features(event, active))
    if isinstance(event, FeedbackReceived):
        cause = Cause(event.event_id, event.event_time_us, "feedback")
        judged = _scores(cause, recent.of_feedback(event), active, lambda one: one.feedback and one.feedback(event))
        return recent, list(judged)
    raise InvalidEvent("wrong_event", f"{type(event).__name__} is nothing to score")


def _of_features(event: TextFeaturesComputed, active: ActiveEvaluators) -> Iterator[Scored]:
    traces = read_traces(event.item_traceparents, event.item_tracestates, len(event.items))
    for item, trace in zip(event.items, traces, strict=True):
        # Two independent coins: the embedding's and the evaluator's.
        cause = Cause(item.response_event_id, item.event_time_us, "text-features", item.inclusion_probability)
        yield from _scores(cause, subject_of_item(event, item, trace), active, _features_judge(item))


def _scores(cause: Cause, subject: Subject, active: ActiveEvaluators, judge: Judge) -> Iterator[Scored]:
    for evaluator in active.by_name.values():
        spec = evaluator.spec
        if evaluator.is_for(subject.route) and is_chosen(subject.request_id, spec.salt, spec.sample_rate):
            verdict = judge(evaluator.scorer)
            if verdict is not None:
                yield score_event(cause, subject, evaluator, verdict)


def _features_judge(item: FeatureItem) -> Judge:
    return lambda scorer: scorer.features and scorer.features(item)
