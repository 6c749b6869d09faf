"""Metrics of the gRPC server, with what each one means for the person on call."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

CONNECTIONS = Gauge("weir_rpc_connections", "Open connections of gRPC clients.")

CALLS_AT_ONCE = Gauge("weir_rpc_calls_at_once", "gRPC calls whose handlers run, health checks and refusals among them.")
"""Near the limit of a service: calls are refused with RESOURCE_EXHAUSTED before anybody knows whose they are."""

BROKEN = Counter(
    "weir_rpc_connections_broken_total", "Connections ended because their peer broke a rule of HTTP/2, by error code.", ["code"]
)  # fmt: skip
"""ENHANCE_YOUR_CALM: a flood (resets, empty frames, headers), or a frame that does not end. Others: a broken client, or something
that is no gRPC client."""

UNREAD = Counter("weir_rpc_connections_unread_total", "Connections ended because their peer asked and did not read.")

REFUSED = Counter("weir_rpc_calls_refused_total", "gRPC calls refused before their handler, by limit.", ["limit"])
"""calls: see weir_rpc_calls_at_once. header_bytes: WEIR_HTTP2_HEADER_BYTES_MAX."""

LOST_CALLS = Counter(
    "weir_rpc_handler_errors_total", "Calls whose handler failed with an error of ours; the log has each."
)
