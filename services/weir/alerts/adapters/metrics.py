"""Metrics of alerts, with what each one means for the person on call."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

TRANSITIONS = Counter("weir_alerts_transitions_total", "Changes of phase, by rule and new phase.", ["rule", "phase"])

RULES = Gauge("weir_alerts_rules", "Rules in force.")
"""0 while rules are applied in the registry: the follower is behind, or their alias is not the one in force."""

INVALID_RULES = Counter("weir_alerts_invalid_rules_total", "Registered rules that cannot run.", ["rule"])
"""Any rise: the log names the rule and the reason; the other rules go on."""

UNKNOWN_RECEIVERS = Gauge(
    "weir_alerts_unknown_receivers", "Receivers that a rule names and the receivers file lacks.", ["rule", "receiver"]
)
"""1 for each: add the receiver to the file, or name another in the rule; until then these alerts are not sent to it."""

DROPPED = Counter("weir_alerts_dropped_total", "Alerts dropped to keep the limit, by reason.", ["reason"])
"""reason: evicted (an inactive one), or full (every alert is active; raise WEIR_ALERTS_ALERTS_MAX)."""

DELIVERIES = Counter(
    "weir_alerts_deliveries_total", "Ends of deliveries, by receiver and state.", ["receiver", "state"]
)
"""state: delivered or dead. dead: GET /v1/deliveries?state=dead says why."""

TRIES = Counter("weir_alerts_tries_total", "Tries, by receiver and verdict.", ["receiver", "verdict"])

WAITING = Gauge("weir_alerts_deliveries_waiting", "Deliveries waiting, by receiver.", ["receiver"])
"""Rising: the receiver is down or slow."""

LATENCY = Histogram("weir_alerts_try_seconds", "Duration of one try, seconds.", ["receiver"])

RECEIVERS_OFF = Gauge("weir_alerts_receivers_off", "Receivers switched off because they answered 410.")

OUTBOX_WAITING = Gauge("weir_alerts_outbox_waiting_events", "Alert events not yet acknowledged by Kafka.")

RESTORED = Counter(
    "weir_alerts_restored_rows_total", "Rows of the database that a start could not take as they were.", ["kind"]
)
"""kind: repaired (a time or number that no event can carry was put right), or damaged (not readable; kept in the table
`damaged`, and logged)."""

STANDING = Gauge("weir_alerts_standing_series", "Series with a signal that was raised and not cleared.")

HELD_BACK = Counter(
    "weir_alerts_held_back_total",
    "Notifications that wait because too many deliveries wait for their receiver.",
    ["receiver"],
)
"""Rising: the receiver is down and many groups change; see weir_alerts_deliveries_waiting."""

CALLS = Counter(
    "weir_alerts_calls_total", "Calls that rules over calls looked at, by rule and result.", ["rule", "result"]
)
"""result: counted; late (ended before the window: a backlog, or a gateway whose clock is behind); unwatched (their group found no
room: raise WEIR_ALERTS_CALL_SERIES_MAX or group by less). An alert misses what is late or unwatched."""

CALLS_REPEATED = Counter("weir_alerts_calls_repeated_total", "Calls that came again and were not counted again.")

CALL_SERIES = Gauge("weir_alerts_call_series", "Groups of calls that rules keep a window of.")
"""At WEIR_ALERTS_CALL_SERIES_MAX a new group is watched only where an idle one leaves."""

CALLS_REMEMBERED = Gauge("weir_alerts_calls_remembered", "Ids of calls kept, so that none is counted twice.")
"""At WEIR_ALERTS_CALLS_REMEMBERED_MAX the oldest leave; a call that is sent again after that counts twice."""

CALLS_MARK = Gauge(
    "weir_alerts_calls_mark_timestamp_seconds", "Event time up to which calls were heard, seconds since 1970 UTC."
)
"""Far behind the clock: alerts over calls are late; see weir_consumer_lag_messages of the group alerts-calls."""

SILENCES = Gauge("weir_alerts_silences", "Silences that are active or will be.")
