"""Metrics that every consumer and producer keeps, with what each one means for the person on call.

Names follow Prometheus: `weir_` first, unit last. A service's own metrics stand in its own `metrics.py`, made in the
same way; all are served under /metrics by `weir.runtime.http.server`.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter("weir_messages_total", "Messages handled, by consumer group and topic.", ["group", "topic"])
"""Flat while lag rises: the consumer is stuck; look at its log."""

DEAD_LETTERS = Counter(
    "weir_dead_letters_total", "Messages dead-lettered, by group, topic, reason.", ["group", "topic", "reason"]
)
"""Any rise: `weir dlq list` shows what and why."""

HALTED = Gauge("weir_consumer_halted", "1 when the limit of dead letters stopped this consumer group.", ["group"])
"""The deploy or the producer is bad: fix it and start the service again; the offset is where it was."""

RETRIES = Counter("weir_retries_total", "Batches tried again because the world was bad.", ["group", "topic"])
"""A steady rise: the store, the registry or the broker is down; lag grows, memory does not."""

PRODUCED = Counter("weir_produced_total", "Events the broker acknowledged, by topic.", ["topic"])

REJECTED_SHARE = Gauge(
    "weir_dead_letters_share",
    "Dead letters as a part of the partition's recent messages, 0 to 1.",
    ["group", "topic", "partition"],
)
"""Near WEIR_DEAD_LETTERS_SHARE_MAX: the consumer is about to stop; the deploy or a producer is bad."""

BATCH_MESSAGES = Histogram(
    "weir_batch_messages", "Messages in a consumed batch.", ["group"], buckets=(1, 10, 100, 500, 1_000, 5_000)
)

LAG = Gauge("weir_consumer_lag_messages", "Messages behind the end of the partition.", ["group", "topic", "partition"])
"""Rising for minutes: the consumer is slower than the traffic."""

STATE_FILES_REFUSED = Counter(
    "weir_state_files_refused_total", "State files that were empty, torn or of another shape and set aside.", ["file"]
)
"""Any rise: a machine lost power, or a disk is bad; `<file>.refused` beside it holds the bytes."""

TRACES_REFUSED = Counter(
    "weir_trace_contexts_refused_total",
    "Calls and messages whose traceparent was not valid; a new trace begins there. By service or topic.",
    ["place"],
)
"""Rising: a client or a producer writes a trace context that W3C does not allow; its spans and ours are two traces."""

LOG_LINES_DROPPED = Counter(
    "weir_log_lines_dropped_total", "Lines of libraries that were repeated and left out of the log.", ["logger"]
)
"""Rising: a library says the same again and again, most often that the broker is away."""

FOLLOWED_ANEW = Counter(
    "weir_followed_topics_anew_total", "Times that a followed topic was found made anew, and read again.", ["topic"]
)
"""Any rise: somebody deleted the topic, or the broker lost its disk; what is not written again is lost to new readers."""
