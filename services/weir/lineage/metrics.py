"""Metrics of lineage."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

ROWS = Counter("weir_lineage_rows_total", "Rows inserted, by topic.", ["topic"])
"""Flat while lag rises: the store refuses; see weir_lineage_insert_failures_total."""

INSERT_S = Histogram(
    "weir_lineage_insert_seconds", "Duration of one insert.", buckets=(0.005, 0.02, 0.05, 0.1, 0.3, 1, 3, 10)
)

INSERT_FAILURES = Counter(
    "weir_lineage_insert_failures_total", "Inserts that failed, by kind: transient or permanent.", ["kind"]
)
"""transient: the store is down or full, nothing is lost. permanent: rows were dead-lettered."""

REBUILT = Counter("weir_lineage_rebuilt_ranges_total", "Ranges inserted again after a crash, under their first token.")

REJOINED = Counter(
    "weir_lineage_rejoined_total", "Memberships given up and taken anew: a refused commit, a fenced member."
)
"""Rising without broker restarts: two sinks share one WEIR_INSTANCE."""

PAUSED = Gauge("weir_lineage_paused", "1 while the store refuses and consumption is paused.")

QUERIES = Counter("weir_lineage_queries_total", "Queries answered, by route of the API.", ["route"])
