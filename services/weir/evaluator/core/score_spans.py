"""Spans of scoring: one for each call that a message let be scored, below the call's own span."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from weir.evaluator.core.scored import Scored
from weir.evaluator.core.subjects import Subject
from weir.events.trace_context import TraceContext

EVALUATORS_NAMED_MAX = 20
"""Evaluators that a span names; more would make it longer than the call's. Arbitrary: a route has a handful."""


@dataclass(frozen=True, slots=True)
class ScoreSpan:
    """A span that is to be recorded: which call, under which context, and what it says."""

    trace: TraceContext
    span_id: str
    subject: Subject
    attributes: dict[str, str]


def score_spans(scores: Iterable[Scored]) -> Iterator[ScoreSpan]:
    """The spans behind these scores of one message, in order; none for calls of unknown traces."""
    by_span: dict[str, list[Scored]] = {}
    for score in scores:
        if score.span_id:
            by_span.setdefault(score.span_id, []).append(score)
    for span_id, found in by_span.items():
        subject = found[0].subject
        trace = subject.trace
        if trace is not None:
            yield ScoreSpan(trace, span_id, subject, _attributes(subject, found[:EVALUATORS_NAMED_MAX]))


def _attributes(subject: Subject, found: Sequence[Scored]) -> dict[str, str]:
    """Names and numbers only: labels and explanations may repeat a text."""
    return {
        "weir.evaluations": " ".join(f"{score.evaluator.name}={score.verdict.score:g}" for score in found),
        "weir.request_id": subject.request_id,
    }
