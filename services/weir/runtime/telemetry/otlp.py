"""OTLP: a service's own spans and metrics to an OpenTelemetry collector, where the standard variables name one.

Off unless OTEL_EXPORTER_OTLP_ENDPOINT (or its _TRACES_ or _METRICS_ form) is set. The SDK of OpenTelemetry does the work, in
threads of its own with bounded queues; it is imported only when it is on. The rule: whatever the collector does, refuse,
hang or be away, no call and no event waits for it or fails by it; what it does not take is counted and lost.

What Weir cannot do is refused at the start rather than passed over, see `otlp_settings`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from weir.events import Span
from weir.events.trace_context import TraceContext
from weir.runtime.telemetry.otlp_settings import BASE, every_s, require_served


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be exported."""

    traces: bool
    metrics: bool
    metrics_every_s: float = 60.0
    """Seconds between two sends of metrics: OTEL_METRIC_EXPORT_INTERVAL, which is in milliseconds."""


class Exporter(Protocol):
    """What carries spans and metrics away."""

    def take(self, spans: Iterable[Span], trace: TraceContext) -> None:
        """Queue spans of a trace; never waits, never raises."""

    def stop(self) -> None:
        """Send what waits, for a few seconds at most."""


_running: Exporter | None = None


def wanted(environment: Mapping[str, str]) -> Wanted:
    """What the standard variables ask for. Raises BadSetting for what Weir does not do."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return Wanted(traces=False, metrics=False)
    traces, metrics = (_is_wanted(environment, signal) for signal in ("TRACES", "METRICS"))
    if not (traces or metrics):
        return Wanted(traces, metrics)
    require_served(environment)
    return Wanted(traces, metrics, every_s(environment))


def start(service: str, instance: str) -> None:
    """Begin to export in this process, where it is asked for. Raises BadSetting."""
    global _running
    asked = wanted(os.environ)
    if asked.traces or asked.metrics:
        from weir.runtime.telemetry.otlp_exporter import (
            OtlpExporter,  # the SDK costs memory and start-up time: only where it is on
        )

        _running = OtlpExporter(service, instance, asked)


def export(spans: Iterable[Span], trace: TraceContext) -> None:
    """Hand spans of a trace to the exporter; nothing where export is off. Never waits, never raises.

    trace: its sampled flag decides whether they are exported, its state goes with them.
    """
    if _running is not None:
        _running.take(spans, trace)


def stop() -> None:
    """End the export: what waits is sent, for a few seconds at most."""
    global _running
    if _running is not None:
        _running.stop()
        _running = None


def _is_wanted(environment: Mapping[str, str], signal: str) -> bool:
    is_named = any(environment.get(name, "").strip() for name in (BASE, f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"))
    return is_named and environment.get(f"OTEL_{signal}_EXPORTER", "").strip().lower() != "none"
