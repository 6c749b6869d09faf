"""Metrics of the gateway: what came in, how it ended, what was shed."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

CALLS = Counter(
    "weir_gateway_calls_total",
    "Calls ended, by protocol and outcome, and by route and model: those that the catalog knows, other for any other.",
    ["protocol", "outcome", "route", "model"],
)
"""A rise of failed or upstream_lost: look at inference and Triton."""

LATENCY_S = Histogram(
    "weir_gateway_call_seconds",
    "Duration of calls that were admitted; route and model as in weir_gateway_calls_total.",
    ["protocol", "route", "model"],
    buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
)

CALLS_AT_ONCE = Gauge("weir_gateway_calls_at_once", "Calls in flight; at its limit new ones are refused.")

STREAMS_AT_ONCE = Gauge("weir_gateway_streams_at_once", "Open gRPC streams; at its limit new ones are refused.")

HEALTH_WATCHES = Gauge("weir_gateway_health_watches", "Open health watches; at its limit new ones are refused.")

BYTES_IN_HAND = Gauge("weir_gateway_bytes_in_hand", "Bytes of requests and kept answers of calls in flight.")

LIMITED = Counter(
    "weir_gateway_limited_total",
    "Calls, streams, watches and bytes that a limit refused, by the limit's name. Some: a client that should slow down.",
    ["limit"],
)

REFUSALS = Counter(
    "weir_gateway_refusals_total",
    "Calls refused before they went upstream, by reason, and whether a record of it was kept or it was only counted.",
    ["reason", "record"],
)

CRASHES = Counter("weir_gateway_crashes_total", "Calls that the gateway's own code failed on. Any: a bug, see its log.")

CUT_ANSWERS = Counter(
    "weir_gateway_cut_answers_total", "Answers longer than what is kept of one; their events say truncated."
)

SHED = Counter(
    "weir_gateway_shed_events_total",
    "Events not recorded because the spool was full, by tenant and reason. Any rise: loss that you chose.",
    ["tenant", "reason"],
)

NUMBERS = Gauge(
    "weir_gateway_numbers_used", "Sequence numbers used in this boot; the audit compares them with the store."
)

BOOT_EPOCH = Gauge("weir_gateway_boot_epoch_us", "Boot epoch of this process, microseconds since 1970-01-01 UTC.")

SLOW_CLIENTS = Counter(
    "weir_gateway_slow_clients_total",
    "Answers that their client did not read within the write deadline: streams and HTTP are cut, a unary gRPC call is held.",
)

STRAY_RESPONSES = Counter(
    "weir_gateway_stray_responses_total",
    "Streamed responses of no open request, dropped. Any: a model that answers after its last response, or without the id.",
)

CATALOG_REVISION = Gauge("weir_gateway_catalog_revision", "Newest registry revision the gateway knows.")

SERVER_CALLS = Gauge("weir_gateway_openai_servers_calls", "Calls in flight at OpenAI servers, of all servers together.")

SERVER_RETRIES = Counter(
    "weir_gateway_openai_servers_retries_total",
    "Calls sent again to an OpenAI server because the connection failed before a byte of an answer, by what failed.",
    ["reason"],
)
