"""A score before it is an event: everything but the numbering of who says it."""

from __future__ import annotations

from dataclasses import dataclass

from weir.evaluator.core.anchors import Anchor
from weir.evaluator.core.definition import Evaluator
from weir.evaluator.core.subjects import Subject
from weir.evaluator.core.verdict import Verdict
from weir.events import EvaluationScored, derived_id, derived_span_id
from weir.events.trace_context import TraceContext


@dataclass(frozen=True, slots=True)
class Scored:
    """One evaluator's verdict on one call."""

    event_id: str
    """Derived from what was scored and the evaluator's digest: the same score has the same id in every replay."""
    event_time_us: int
    """Time of what was scored, microseconds since 1970-01-01 UTC; a replay says the same."""
    subject: Subject
    evaluator: Evaluator
    verdict: Verdict
    inclusion_probability: float
    anchor: Anchor | None = None
    """The anchor that was scored instead of the call; the subject then says after which call."""
    span_id: str = ""
    """Span in which the message was scored; empty where the call's trace is not known, and for an anchor."""

    @property
    def trace(self) -> TraceContext | None:
        """Context of what follows from the score; None where the call's trace is not known."""
        trace = self.subject.trace
        return trace.below(self.span_id) if trace and self.span_id else None

    def as_event(self) -> EvaluationScored:
        """The event, without a number."""
        threshold, under = self.evaluator.spec.threshold, self.subject.trace if self.span_id else None
        return EvaluationScored(
            event_id=self.event_id,
            tenant=self.subject.tenant,
            trace_id=under.trace_id if under else self.subject.trace_id,
            span_id=self.span_id,
            parent_span_id=under.parent_span_id if under else "",
            event_time_us=self.event_time_us,
            request_id=self.subject.request_id,
            response_event_id=self.subject.response_event_id,
            route=self.subject.route,
            evaluator=self.evaluator.name,
            evaluator_version=self.evaluator.version,
            evaluator_digest=self.evaluator.digest,
            score=self.verdict.score,
            passed=None if threshold is None else self.verdict.score >= threshold,
            label=self.verdict.label,
            explanation=self.verdict.explanation,
            inclusion_probability=self.inclusion_probability,
            sampling_salt=self.evaluator.spec.salt,
            references=self.subject.references,
            release_digest=self.subject.release_digest,
            session_id=self.subject.session_id,
            anchor_id=self.anchor.id if self.anchor else "",
            anchor_passed=self.anchor.passed if self.anchor else None,
        )


@dataclass(frozen=True, slots=True)
class Cause:
    """What was scored. event_id: UUIDv7 text. topic: on which it was read. probability: with which it could be scored at all."""

    event_id: str
    time_us: int
    topic: str
    probability: float = 1.0


def score_event(cause: Cause, subject: Subject, evaluator: Evaluator, verdict: Verdict) -> Scored:
    """A verdict on what an event said. Raises ValueError for a cause whose id is no UUIDv7."""
    return Scored(
        event_id=derived_id(cause.event_id, f"score {evaluator.name} {evaluator.digest}"),
        event_time_us=cause.time_us,
        subject=subject,
        evaluator=evaluator,
        verdict=verdict,
        inclusion_probability=evaluator.spec.sample_rate * cause.probability,
        span_id=derived_span_id(cause.event_id, f"evaluator {cause.topic}") if subject.traceparent else "",
    )
