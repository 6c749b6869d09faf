"""The step: one event in, the scores it causes out. Without a clock, so a replay says the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from weir.evaluator.core.active import ActiveEvaluators
from weir.evaluator.core.anchor_scores import scored_between, scored_for_signal
from weir.evaluator.core.anchors import ActiveAnchors
from weir.evaluator.core.definition import Evaluator
from weir.evaluator.core.scored import Scored, scored
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
        return recent, list(scored_for_signal(event, active, anchors))
    recent, scores = _of_call(recent, event, active, trace)
    return recent, [*scores, *scored_between(scores, anchors)]


def _of_call(
    recent: RecentSubjects, event: Event, active: ActiveEvaluators, trace: TraceContext | None
) -> tuple[RecentSubjects, list[Scored]]:
    evaluators = active.by_name.values()
    if isinstance(event, InferenceCompleted):
        subject = subject_of_response(event, trace)
        recent.remember(subject)
        return recent, list(_of_response(event, subject, evaluators))
    if isinstance(event, TextFeaturesComputed):
        return recent, list(_of_features(event, evaluators))
    if isinstance(event, FeedbackReceived):
        return recent, list(_of_feedback(event, recent.of_feedback(event), evaluators))
    raise InvalidEvent("wrong_event", f"{type(event).__name__} is nothing to score")


def _of_response(event: InferenceCompleted, subject: Subject, evaluators: Iterable[Evaluator]) -> Iterator[Scored]:
    for evaluator, verdict in _verdicts(
        subject, evaluators, lambda scorer: scorer.response(event) if scorer.response else None
    ):
        rate = evaluator.sample_rate
        yield scored(
            event.event_id, event.event_time_us, subject, evaluator, verdict, rate, topic="inference-responses"
        )


def _of_features(event: TextFeaturesComputed, evaluators: Iterable[Evaluator]) -> Iterator[Scored]:
    traces = read_traces(event.item_traceparents, event.item_tracestates, len(event.items))
    for item, trace in zip(event.items, traces, strict=True):
        subject = subject_of_item(event, item, trace)
        judge = _features_judge(item)
        for evaluator, verdict in _verdicts(subject, evaluators, judge):
            # Two independent coins: the embedding's and this evaluator's.
            probability = evaluator.sample_rate * item.inclusion_probability
            at_us = item.event_time_us
            yield scored(item.response_event_id, at_us, subject, evaluator, verdict, probability, topic="text-features")


def _of_feedback(event: FeedbackReceived, subject: Subject, evaluators: Iterable[Evaluator]) -> Iterator[Scored]:
    for evaluator, verdict in _verdicts(
        subject, evaluators, lambda scorer: scorer.feedback(event) if scorer.feedback else None
    ):
        rate = evaluator.sample_rate
        yield scored(event.event_id, event.event_time_us, subject, evaluator, verdict, rate, topic="feedback")


def _verdicts(subject: Subject, evaluators: Iterable[Evaluator], judge: Judge) -> Iterator[tuple[Evaluator, Verdict]]:
    for evaluator in evaluators:
        if evaluator.is_for(subject.route) and is_chosen(subject.request_id, evaluator.salt, evaluator.sample_rate):
            verdict = judge(evaluator.scorer)
            if verdict is not None:
                yield evaluator, verdict


def _features_judge(item: FeatureItem) -> Judge:
    return lambda scorer: scorer.features(item) if scorer.features else None
