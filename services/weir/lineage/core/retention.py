"""How long each table keeps its rows, and from when on the audit is whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DAY_S = 86_400

SLACK_DAYS = 1
"""Days before the end of the shortest retention that the audit does not look at. Chosen: merges delete expired rows when
they come to it, so in the last day some are gone and others are not."""

TIMES: Mapping[str, str] = {
    "span_rows": "start_time_us",
    "text_feature_rows": "item_time_us",
    "locations": "first_us",
    "impact_hours": "last_us",
    "impact_days": "last_us",
    "call_hours": "last_us",
}
"""Column that dates a row, where it is not event_time_us."""

KEPT_FEATURES = ("text_features", "text_feature_rows")
KEPT_GOVERNANCE = ("governance_log",)
KEPT_EVENTS = (
    "alerts", "dead_letters", "drift_signals", "evaluation_scores", "feedback", "inference_requests",
    "inference_responses", "spans", "span_rows", "edges_by_source", "edges_by_target", "accounts", "ops_signals",
    "derived_numbers", "locations", "impact_hours", "impact_days", "call_hours",
)  # fmt: skip
"""Tables by what decides how long they keep their rows; registry_changes keeps them for ever."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Days that rows are kept after their event: of calls and what follows from them, of text features, of decisions."""

    events_days: int
    features_days: int
    governance_days: int

    def days(self) -> dict[str, int]:
        """Days by table."""
        groups = (
            (KEPT_EVENTS, self.events_days),
            (KEPT_FEATURES, self.features_days),
            (KEPT_GOVERNANCE, self.governance_days),
        )
        return {table: days for tables, days in groups for table in tables}

    @property
    def audited_s(self) -> int:
        """Seconds back from now within which no row has expired: the audit looks no further."""
        return (min(self.events_days, self.features_days, self.governance_days) - SLACK_DAYS) * DAY_S


def expiry(table: str, days: int) -> str:
    """The TTL of a table, as SQL."""
    return f"toDateTime(fromUnixTimestamp64Micro({time_column(table)}, 'UTC')) + INTERVAL {days} DAY"


def time_column(table: str) -> str:
    """The column that dates the rows of a table, microseconds since 1970-01-01 UTC."""
    return TIMES.get(table, "event_time_us")


def refusal(days: int) -> str:
    """The check that a row is not expired already, as SQL: such a row would be stored and go with the next merge."""
    return f"event_time_us >= (toUnixTimestamp(now()) - {days * DAY_S}) * 1000000"


def expired_since_s(event_time_us: int, now_us: int, days: int | None) -> float:
    """Seconds since which an event of that time is not kept any more; 0 or less while it is kept."""
    return 0.0 if days is None else (now_us - event_time_us) / 1e6 - days * DAY_S
