"""Scoring the stream: follows the registry, steps through the events, publishes the scores."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from weir.evaluator.adapters.metrics import ACTIVE, ANCHOR_SCORES, ANCHOR_SETS, SCORES, SUBJECTS, UNUSABLE
from weir.evaluator.core.active import ActiveEvaluators, apply_change
from weir.evaluator.core.anchors import ActiveAnchors
from weir.evaluator.core.anchors import apply_change as apply_anchor_change
from weir.evaluator.core.ports import Memory
from weir.evaluator.core.score_spans import score_spans
from weir.evaluator.core.scored import Scored
from weir.evaluator.core.step import step
from weir.evaluator.core.subjects import RecentSubjects
from weir.events import Event, RegistryChanged
from weir.runtime.clock import now_us
from weir.runtime.kafka.handling import Received
from weir.runtime.kafka.link import Link
from weir.runtime.kafka.producer import Outgoing
from weir.runtime.kafka.span_log import Recorded, RecordSpan
from weir.runtime.telemetry.logs import logger
from weir.runtime.telemetry.span_words import process_span

GROUP = "evaluator"
IN_TOPICS = ("inference-responses", "text-features", "feedback", "drift-signals")
OUT_TOPIC = "evaluation-scores"
REGISTRY_TOPIC = "registry-changes"


class Evaluation:
    """The handlers of the evaluator's topics, with the evaluators and anchors in use and the calls seen last."""

    def __init__(
        self,
        link: Link,
        subjects_max: int,
        stop: asyncio.Event,
        memory: Memory,
        record: RecordSpan,
        anchors: ActiveAnchors | None = None,
    ) -> None:
        """memory: what an earlier process remembered, and where this one keeps it. record: takes the spans of scoring. anchors:
        none unless given."""
        self._link = link
        self._record_span = record
        self._stop = stop
        self._memory = memory
        self._recent = RecentSubjects(subjects_max)
        for subject in memory.load():
            self._recent.remember(subject)
        self._recent.mark_saved()
        self._active = ActiveEvaluators()
        self._anchors = anchors or ActiveAnchors()

    def apply(self, event: Event) -> None:
        """Take over a change of the registry. A definition that cannot be used is logged and scores nothing."""
        if not isinstance(event, RegistryChanged):
            return
        self._apply_anchors(event)
        before, self._active = self._active, apply_change(self._active, event)
        if self._active is before:
            return
        ACTIVE.set(len(self._active.by_name))
        UNUSABLE.set(len(self._active.unusable))
        if event.name in self._active.unusable:
            logger().error("definition_unusable", evaluator=event.name, reason=self._active.unusable[event.name])
        else:
            logger().info("evaluator_active", evaluator=event.name, version=event.version, digest=event.digest)

    async def handle(self, received: Received) -> None:
        """Score one event and publish what came of it; returns when the log has it,
        and the call is remembered on disk. Raises Retryable when the disk refuses."""
        start_us = now_us()
        self._recent, scores = step(self._recent, received.event, self._active, self._anchors, received.trace)
        SUBJECTS.set(len(self._recent))
        events = [self._link.numbering.number(one.as_event()) for one in scores]
        # One stream is in one partition, so that detectors see its scores in the same order in every replay.
        sent = [
            Outgoing(OUT_TOPIC, f"{event.tenant}/{event.route}", event, score.trace)
            for event, score in zip(events, scores, strict=True)
        ]
        await self._link.producer.deliver(sent, self._stop, GROUP)
        self._record(received, scores, start_us)
        for event in events:
            counter = ANCHOR_SCORES if event.anchor_id else SCORES
            counter.labels(event.evaluator, str(event.passed).lower()).inc()
        self._memory.save(self._recent.unsaved())
        self._recent.mark_saved()

    def _record(self, received: Received, scores: Sequence[Scored], start_us: int) -> None:
        message = received.message
        for one in score_spans(scores):
            span = process_span(
                one.trace,
                span_id=one.span_id,
                service=GROUP,
                place=(message.topic, message.partition, message.offset),
                group=GROUP,
                start_us=start_us,
                end_us=now_us(),
                attributes=one.attributes,
            )
            about = one.subject
            self._record_span(Recorded(one.trace, span, about.tenant, about.route, about.request_id))

    def _apply_anchors(self, event: RegistryChanged) -> None:
        before, self._anchors = self._anchors, apply_anchor_change(self._anchors, event)
        if self._anchors.by_dataset is not before.by_dataset:
            ANCHOR_SETS.set(len(self._anchors.by_dataset))
            logger().info("anchors_changed", dataset=event.name, version=event.version, digest=event.digest)
