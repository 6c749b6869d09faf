"""Metrics of TLS, with what each one means for the person on call."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

HANDSHAKES = Counter("weir_tls_handshakes_total", "TLS handshakes of clients, by how they ended.", ["outcome"])
"""`done`; `failed`: no TLS, or none that both ends speak; `slow`: not over in time; `given_up`: made room for others. Many of
the last three: strangers, or clients that do not trust the certificate."""

HANDSHAKES_OPEN = Gauge("weir_tls_handshakes_open", "TLS handshakes of clients under way.")

OUTDATED = Gauge(
    "weir_tls_files_outdated", "1 while changed TLS files cannot be used and those read before them still are.", ["certificate"]
)  # fmt: skip
"""1: the renewed certificate does not work; the log says why. The old one is shown until it expires."""
