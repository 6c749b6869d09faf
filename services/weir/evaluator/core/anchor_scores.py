"""Scores of anchors: after calls on an interleave, and all of them when a signal of drift asks.

Ids derive from the call or the signal, the evaluator's digest and the anchor, so a replay repeats them. A score of an
anchor is keyed by the stream that it checks: the tenant and route of the call or signal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from weir.evaluator.core.active import ActiveEvaluators
from weir.evaluator.core.anchors import ActiveAnchors, Anchor, RegisteredSet, as_response, asked_by, interleaved
from weir.evaluator.core.definition import Evaluator
from weir.evaluator.core.scored import Scored
from weir.evaluator.core.subjects import Subject
from weir.events import DriftSignalled, derived_id


def score_between(scores: Iterable[Scored], anchors: ActiveAnchors) -> Iterator[Scored]:
    """The anchors due after these scores of calls."""
    for score in scores:
        due = interleaved(anchors, score.evaluator.name, score.subject.request_id)
        if due is not None:
            yield from _score(
                score.event_id, "", score.event_time_us, score.subject, score.evaluator, *due, anchors.rate
            )


def score_for_signal(signal: DriftSignalled, active: ActiveEvaluators, anchors: ActiveAnchors) -> Iterator[Scored]:
    """All anchors, `passes` times over, when `signal` asks for them; none when its evaluator is no longer in use."""
    asked, evaluator = asked_by(anchors, signal), active.by_name.get(signal.part)
    if asked is None or evaluator is None:
        return
    registered, all_anchors = asked
    subject = Subject(signal.tenant, "", "", signal.route, "", (), "", "")
    for number in range(anchors.passes):
        for anchor in all_anchors:
            yield from _score(
                signal.event_id, f" {number}", signal.event_time_us, subject, evaluator, registered, anchor, 1.0
            )


def _score(
    cause_id: str,
    role: str,
    time_us: int,
    subject: Subject,
    evaluator: Evaluator,
    registered: RegisteredSet,
    anchor: Anchor,
    probability: float,
) -> Iterator[Scored]:
    """The score of one anchor; nothing when the evaluator has nothing to say about answers in text."""
    event_id = derived_id(cause_id, f"anchor {evaluator.name} {evaluator.digest} {anchor.id}{role}")
    response = as_response(anchor, event_id=event_id, tenant=subject.tenant, route=subject.route, time_us=time_us)
    verdict = evaluator.scorer.response(response) if evaluator.scorer.response else None
    if verdict is None:
        return
    about = replace(
        subject,
        request_id=response.request_id,
        response_event_id="",
        trace_id="",
        references=(registered.reference,),
        release_digest="",
        session_id="",
        traceparent="",
        tracestate="",
    )
    yield Scored(event_id, time_us, about, evaluator, verdict, probability, anchor)
