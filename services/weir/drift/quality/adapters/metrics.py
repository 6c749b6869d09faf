"""Metrics of the quality alarms, with what each one means for the person on call."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

SCORES = Counter("weir_drift_quality_scores_total", "Scores given to an alarm, and anchors to a judge.", ["kind"])
"""kind: score, outcome or anchor."""

LEFT_OUT = Counter("weir_drift_quality_left_out_total", "Scores not given to an alarm, by reason.", ["reason"])
"""reason: seen (counted before), offset (the message was read before), no_verdict (an evaluator without threshold), rare
(inclusion probability below 0.02), thinned (judged more often than the base sample), session (another turn counts)."""

STREAMS = Gauge("weir_drift_quality_streams", "Streams of scores, by phase.", ["phase"])

STREAMS_REFUSED = Counter(
    "weir_drift_quality_streams_refused_total", "Scores of streams beyond WEIR_DRIFT_QUALITY_STREAMS_MAX."
)
"""Any rise: scores that nobody watches; raise the limit or find who invents routes."""

STREAMS_REPLACED = Counter(
    "weir_drift_quality_streams_replaced_total", "Streams of an older evaluator version given up for a new stream."
)

STATES_REFUSED = Counter("weir_drift_quality_states_refused_total", "States that could not be read at start.")
"""Any rise: those streams warm again."""

STEP_SECONDS = Histogram(
    "weir_drift_quality_step_seconds",
    "Time to step through one message, seconds.",
    buckets=(0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5),
)
