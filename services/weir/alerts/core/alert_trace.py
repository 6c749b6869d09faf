"""Traces of alerts: a change of phase is a span in the trace of what caused it, and a notification is one below the alerts.

An alert that no message of a trace caused (a check of the operator's, a rule that was edited) begins a trace of its own, so
that its webhook can be followed too. Ids derive from the cause: the same history gives the same ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from weir.alerts.core.grouping import Notification
from weir.alerts.core.state import Alert, Phase
from weir.events import derived_span_id
from weir.events.trace_context import SAMPLED, TraceContext


@dataclass(frozen=True, slots=True)
class NotificationTrace:
    """Under which context a notification is sent, and the other alerts that it speaks of."""

    trace: TraceContext
    links: tuple[TraceContext, ...] = ()


def trace_change(alert: Alert, cause: TraceContext | None) -> tuple[Alert, TraceContext]:
    """An alert whose phase changed, as a span of its own, and the context that span is made under.

    cause: of the message in flight; None when time or a rule changed it: then the alert's own trace goes on.
    """
    name = f"{alert.key} {alert.turn} {alert.phase} {alert.cause_event_id}"
    parent = cause or alert.trace or TraceContext(hashlib.sha256(name.encode()).hexdigest()[:32], "", SAMPLED)
    child = parent.below(derived_span_id(name, "alert"))
    return replace(alert, traceparent=child.traceparent, tracestate=child.state), parent


def trace_notification(notification: Notification) -> NotificationTrace | None:
    """The trace of a notification: the first alert's that fires, or that ended where none does; links to the others.

    None where no alert has one: a test, and what was written before alerts had traces.
    """
    traces = [trace for alert in _firing_first(notification.alerts) if (trace := alert.trace) is not None]
    return NotificationTrace(traces[0], tuple(traces[1:])) if traces else None


def _firing_first(alerts: Sequence[Alert]) -> list[Alert]:
    return sorted(alerts, key=lambda one: (one.phase is not Phase.FIRING, -one.starts_at_us))
