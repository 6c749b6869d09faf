"""Metrics of the registry, with what each one means for the person on call."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

CHANGES = Counter("weir_registry_changes_total", "Effects of applies and alias moves.", ["change"])
"""change: created, unchanged or alias_moved."""

REFUSALS = Counter("weir_registry_refusals_total", "Applies and alias moves refused, by reason.", ["reason"])
"""reason: invalid, conflict or not_found; the governance log says who and why."""

OUTBOX_WAITING = Gauge("weir_registry_outbox_waiting_events", "Events stored and not yet acknowledged by Kafka.")
"""Rising: Kafka is away; the registry serves on, and the other services see changes late."""

SENT_AGAIN = Counter("weir_registry_sent_again_total", "Changes sent again because their topic was made anew.")
"""Any rise: somebody deleted the topic, or the broker lost its disk; other topics of that broker are lost."""

SCHEMAS = Counter("weir_registry_schemas_total", "Schema registrations, by outcome.", ["outcome"])
"""outcome: added, known, incompatible or invalid. incompatible: a deploy would break readers; look at its log."""
