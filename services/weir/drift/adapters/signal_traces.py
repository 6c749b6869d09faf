"""Traces of signals: a signal belongs to the trace of the call that fired it and links to the calls it names as examples.

A detector judges many calls; OpenTelemetry's messaging conventions tell many causes by links. The call at which the state
changed is the one parent, because a person who follows its trace must find the alarm; the examples are links.
A step that changes no state makes no span: drift reads every call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from weir.events import DriftSignalled, EvaluationScored, TextFeaturesComputed, derived_span_id
from weir.events.trace_context import TraceContext, read_traces
from weir.runtime.clock import now_us
from weir.runtime.kafka.handling import Received
from weir.runtime.kafka.span_log import Recorded, RecordSpan
from weir.runtime.telemetry.recent_traces import RecentTraces
from weir.runtime.telemetry.span_words import process_span

SERVICE = "drift"


class SignalTraces:
    """Knows the traces of the calls read last, and the message in flight."""

    def __init__(self, record: RecordSpan, group: str, remembered_max: int) -> None:
        """record: takes the spans of the steps. remembered_max: calls whose traces are kept."""
        self._record = record
        self._group = group
        self._recent = RecentTraces(remembered_max)
        self._hand: tuple[Received, int] | None = None

    def around(self, handle: Callable[[Received], Awaitable[None]]) -> Callable[[Received], Awaitable[None]]:
        """The handler, with its message in flight while it works."""

        async def handle_noted(received: Received) -> None:
            self._note(received)
            self._hand = received, now_us()
            try:
                await handle(received)
            finally:
                self._hand = None

        return handle_noted

    def traced(self, signal: DriftSignalled) -> tuple[DriftSignalled, TraceContext | None]:
        """A signal as a part of the trace of its call, and the context of what follows from it.

        One that no call fired, such as a person's decision, and one of a call that is not remembered, belong to none.
        """
        trace = self._recent.of(signal.trigger_request_id) if self._hand and not signal.author else None
        if trace is None:
            return signal, None
        span_id = derived_span_id(signal.event_id, SERVICE)
        traced = replace(signal, trace_id=trace.trace_id, span_id=span_id, parent_span_id=trace.parent_span_id)
        return traced, trace.below(span_id)

    def record(self, signal: DriftSignalled, under: TraceContext) -> None:
        """Record the step that gave a signal that `traced` made. under: the context it gave."""
        if self._hand is None:
            return
        (received, start_us), trace = self._hand, under.below(signal.parent_span_id)
        message = received.message
        span = process_span(
            trace,
            span_id=signal.span_id,
            service=SERVICE,
            place=(message.topic, message.partition, message.offset),
            group=self._group,
            start_us=start_us,
            end_us=now_us(),
            attributes={
                "weir.drift.detector": signal.detector,
                "weir.drift.state": signal.state,
                "weir.drift.level": signal.level,
                "weir.drift.part": signal.part,
                "weir.request_id": signal.trigger_request_id,
            },
            links=[link for name in signal.example_request_ids if (link := self._recent.of(name)) is not None],
        )
        self._record(Recorded(trace, span, signal.tenant, signal.route, signal.trigger_request_id))

    def _note(self, received: Received) -> None:
        event, trace = received.event, received.trace
        if isinstance(event, TextFeaturesComputed):
            contexts = read_traces(event.item_traceparents, event.item_tracestates, len(event.items))
            for item, context in zip(event.items, contexts, strict=True):
                if context is not None:
                    self._recent.note(item.request_id, context.traceparent, context.state)
        elif isinstance(event, EvaluationScored) and trace is not None:
            self._recent.note(event.request_id, trace.traceparent, trace.state)
        self._recent.measure()
