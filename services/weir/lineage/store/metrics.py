"""Metrics of lineage."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

ROWS = Counter("weir_lineage_rows_total", "Rows inserted, by topic.", ["topic"])
"""Flat while lag rises: the store refuses; see weir_lineage_insert_failures_total."""

INSERT_S = Histogram(
    "weir_lineage_insert_seconds", "Duration of one insert.", buckets=(0.005, 0.02, 0.05, 0.1, 0.3, 1, 3, 10)
)

REST_S = Gauge("weir_lineage_rest_seconds", "Seconds for which the sink gathers messages after its last inserts.")
"""At WEIR_LINEAGE_REST_MAX_S: inserts take more than a fifth of the time."""

INSERT_FAILURES = Counter(
    "weir_lineage_insert_failures_total", "Inserts that failed, by kind: transient or permanent.", ["kind"]
)
"""transient: the store is down or full, nothing is lost. permanent: rows were dead-lettered."""

EXPIRED = Counter(
    "weir_lineage_expired_total", "Messages passed by because their rows would be expired already, by topic.", ["topic"]
)
"""Rises while a log older than the retention is read again; what was too old when it was written is a dead letter."""

REBUILT = Counter("weir_lineage_rebuilt_ranges_total", "Ranges inserted again after a crash, under their first token.")

REJOINED = Counter(
    "weir_lineage_rejoined_total", "Memberships given up and taken anew: a refused commit, a fenced member."
)
"""Rising without broker restarts: two sinks share one WEIR_INSTANCE."""

STARVED = Counter(
    "weir_lineage_starved_total", "Memberships given up because nothing was read of a partition that had more."
)
"""Rises after a broker came back to a client that fetches no more; the next membership reads on."""

ANEW = Counter("weir_lineage_topics_anew_total", "Partitions read from their beginning: their topic was made anew.")

STALLED = Gauge("weir_lineage_stalled", "1 while a range in flight has waited longer than WEIR_LINEAGE_STALL_S.")
"""1: not ready; the readiness page and weir audit say why."""

PAUSED = Gauge("weir_lineage_paused", "1 while the store refuses and consumption is paused.")

QUERIES = Counter("weir_lineage_queries_total", "Queries answered, by route of the API.", ["route"])

AUDITED = Gauge(
    "weir_lineage_audit_numbers",
    "What the last settled audit counted, by column: accepted, stored, superseded, dead_lettered, shed, corrupt, late,"
    " missing, duplicates_visible.",
    ["column"],
)
"""missing, corrupt or duplicates_visible above 0: see docs/runbooks/events-missing.md."""

AUDIT_IS_SETTLED = Gauge("weir_lineage_audit_settled", "0 when the sink was behind the log at the last audit.")

AUDIT_AT_S = Gauge("weir_lineage_audit_timestamp_seconds", "When the last audit was made, seconds since 1970-01-01.")

AUDIT_FAILURES = Counter("weir_lineage_audit_failures_total", "Audits that the store did not answer.")

AUDIT_S = Histogram("weir_lineage_audit_seconds", "Duration of one audit.", buckets=(0.1, 0.3, 1, 3, 10, 30, 60))

DISK_FREE_BYTES = Gauge("weir_lineage_disk_free_bytes", "Free bytes of the store's fullest disk.")

MERGES_STOPPED = Gauge("weir_lineage_merges_stopped", "1 while merges are stopped because the disk is nearly full.")
"""1: see docs/runbooks/store-disk-full.md."""

COUNT_S = Histogram(
    "weir_lineage_count_seconds", "Duration of counting calls anew.", buckets=(0.03, 0.1, 0.3, 1, 3, 10, 30)
)

COUNT_FAILURES = Counter("weir_lineage_count_failures_total", "Looks for calls to count that the store did not answer.")
"""Rising: answers about assets are refused until a look succeeds; see the log line count_failed."""
