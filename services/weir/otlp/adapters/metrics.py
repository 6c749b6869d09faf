"""Metrics of the receiver: what came in, what was refused and why. Those of the spool have the gateway's names."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

REQUESTS = Counter(
    "weir_otlp_in_requests_total",
    "Export requests by listener (grpc, http) and result: taken, partial, or the stable word of a refusal.",
    ["listener", "result"],
)
"""A rise of capture_full: Kafka or the disk. Of overloaded or rate_limited: exporters that should slow down."""

SPANS = Counter("weir_otlp_in_spans_total", "Spans taken, by what they are: call (of a model) or span.", ["kind"])

REFUSED = Counter(
    "weir_otlp_in_refused_spans_total",
    "Spans refused in a request that was taken, by reason: ids, time, name, route, too_many, unreadable or not_storable.",
    ["reason"],
)

CUT = Counter(
    "weir_otlp_in_cut_spans_total",
    "Spans taken of which something is not kept; their attribute weir.otlp.cut says what.",
)

CRASHES = Counter(
    "weir_otlp_in_crashes_total", "Spans or requests that the receiver's own code failed on. Any: a bug, see its log."
)

BYTES_IN_HAND = Gauge("weir_otlp_in_bytes_in_hand", "Bytes of requests in hand.")

REQUESTS_AT_ONCE = Gauge("weir_otlp_in_requests_at_once", "Requests in hand; at its limit new ones are refused.")

NUMBERS = Gauge(
    "weir_otlp_in_numbers_used", "Sequence numbers used in this boot; the audit compares them with the store."
)

BOOT_EPOCH = Gauge("weir_otlp_in_boot_epoch_us", "Boot epoch of this process, microseconds since 1970-01-01 UTC.")
