"""Kinds of a span: the closed set of OpenTelemetry, as our events write it."""

from __future__ import annotations

INTERNAL = "internal"
"""Kind of a span that says none."""

SPAN_KINDS = ("server", "client", "producer", "consumer", INTERNAL)
"""Every kind that a span of ours may have."""
