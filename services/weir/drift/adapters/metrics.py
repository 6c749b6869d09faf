"""Metrics of the drift service, with what each one means for the person on call."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter("weir_drift_events_total", "Events of watched calls given to a bank.")

SKIPPED = Counter("weir_drift_skipped_total", "Items of envelopes not given to a bank, by reason.", ["reason"])
"""reason: outcome (refused or aborted), no_text, seen (counted before), offset (the envelope was read before)."""

SIGNALS = Counter(
    "weir_drift_signals_total", "Signals acknowledged by the broker, by state and level.", ["state", "level"]
)

STREAMS = Gauge("weir_drift_streams", "Monitored streams, by phase.", ["phase"])

INACTIVE_PARTS = Gauge("weir_drift_inactive_parts", "Monitored streams in which a part does not take part.", ["part"])
"""part: a channel or mean-ewma; the API's `inactive_parts` says which streams. A part that rises on a route that had it:
the new reference holds too few different prompts, or embeddings are missing.
"""

STREAMS_REFUSED = Counter("weir_drift_streams_refused_total", "Envelopes of streams beyond WEIR_DRIFT_STREAMS_MAX.")
"""Any rise: traffic that nobody watches; raise the limit or find who invents routes."""

CHECKPOINTS_REFUSED = Counter("weir_drift_checkpoints_refused_total", "Checkpoints set aside at start as unreadable.")
"""Any rise: those streams warm again; the file is kept beside its place with the ending `.refused`."""

EMBEDDING_CHANGES = Counter("weir_drift_embedding_changes_total", "Streams warmed again for another embedding model.")
"""A steady rise: two embedding models take turns on one stream, which so never finishes warming."""

SKEW_REFERENCES = Gauge("weir_drift_skew_references", "Streams compared with an evaluation dataset.")
"""A fall without a restart on purpose: a dataset could not be read back; set it again."""

ADVANCE_SECONDS = Histogram(
    "weir_drift_advance_seconds",
    "Time a bank takes for one envelope, seconds.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 5.0, 10.0),
)
"""Above 1 s is the completion of a reference, once a stream and version."""

CHECKPOINT_SECONDS = Histogram(
    "weir_drift_checkpoint_seconds",
    "Time to write one checkpoint, seconds.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5),
)
"""Rising: the disk under WEIR_DATA_DIR is slow; lag follows."""
