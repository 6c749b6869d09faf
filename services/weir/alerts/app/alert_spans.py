"""Spans of alerts: a change of phase, and each try of a delivery."""

from __future__ import annotations

from collections.abc import Sequence

from weir.alerts.adapters.deliveries import Delivery
from weir.alerts.adapters.receivers import Receiver
from weir.alerts.app.draft import Step
from weir.alerts.core.retry import Answer
from weir.events import Span
from weir.events.trace_context import TraceContext
from weir.runtime.kafka.span_log import Recorded
from weir.runtime.telemetry.span_words import LINKS, STATUS_ERROR, STATUS_OK, links_attribute, process_span

SERVICE = "alerts"


def alert_span(step: Step, start_us: int, end_us: int, links: Sequence[TraceContext]) -> Recorded:
    """The span of a change of phase: `process {topic}` where a message caused it, `alert {rule}` where time or a rule did.

    links: contexts of other causes. Times in microseconds since 1970-01-01 UTC.
    """
    event = step.event
    attributes = {
        "weir.alert.rule": event.rule,
        "weir.alert.state": event.state,
        "weir.alert.severity": event.severity,
        "weir.alert.fingerprint": event.fingerprint,
    }
    if step.hand is not None:
        message = step.hand.message
        span = process_span(
            step.parent,
            span_id=event.span_id,
            service=SERVICE,
            place=(message.topic, message.partition, message.offset),
            group=SERVICE,
            start_us=start_us,
            end_us=end_us,
            attributes=attributes,
            links=links,
        )
    else:
        span = Span(
            span_id=event.span_id,
            parent_span_id=step.parent.parent_span_id,
            name=f"alert {event.rule}",
            kind="internal",
            service=SERVICE,
            start_time_us=start_us,
            end_time_us=max(start_us, end_us),
            status=STATUS_OK,
            attributes={name: value for name, value in attributes.items() if value} | links_attribute(links),
        )
    return Recorded(step.parent, span, event.tenant, event.labels.get("route", ""))


def try_span(
    trace: TraceContext, span_id: str, delivery: Delivery, receiver: Receiver, answer: Answer, times_us: tuple[int, int]
) -> Recorded:
    """The span of one try, in the words of the conventions for HTTP clients. It belongs to the operator: no tenant's.

    Of the address only host and port are said: a path may hold a secret.
    """
    start_us, end_us = times_us
    is_answered = 200 <= answer.status < 300
    attributes = {
        "http.request.method": "POST",
        "server.address": receiver.target.host,
        "server.port": str(receiver.target.port),
        "http.response.status_code": str(answer.status) if answer.status else "",
        "http.request.resend_count": str(delivery.attempts) if delivery.attempts else "",
        "error.type": "" if is_answered else str(answer.status) if answer.status else "no_answer",
        "weir.receiver": receiver.name,
        "weir.delivery": delivery.id,
        LINKS: delivery.links,
    }
    span = Span(
        span_id=span_id,
        parent_span_id=trace.parent_span_id,
        name=f"POST {receiver.name}",
        kind="client",
        service=SERVICE,
        start_time_us=start_us,
        end_time_us=max(start_us, end_us),
        status=STATUS_OK if is_answered else STATUS_ERROR,
        attributes={name: value for name, value in attributes.items() if value},
    )
    return Recorded(trace, span, "")
