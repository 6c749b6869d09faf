"""Repair: values that no step can hold, refused on arrival and corrected where an older version stored them.

The rule (K1): whatever was stored, every alert and group that is in memory has times that an event can carry
(`weir.events.ranges`), or 0 for never, and finite numbers, so that no tick raises and every event can be produced.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from weir.alerts.core.grouping import Group, Timing
from weir.alerts.core.observation import Source
from weir.alerts.core.state import Alert, Sample
from weir.events import InvalidEvent, canonical_json
from weir.events.ranges import TIME, TIME_END_US, TIME_MIN_US

WAIT_MAX_US = 31 * 86_400 * 1_000_000
"""Longest wait of a group that a rule or a setting can name, microseconds: a month."""


def check_event(event: Source) -> None:
    """Raises InvalidEvent for an event whose time or numbers no alert can carry."""
    if not TIME_MIN_US <= event.event_time_us < TIME_END_US:
        raise InvalidEvent("handler_error", TIME.complaint("event_time_us", event.event_time_us))
    try:
        canonical_json(event.as_record()).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidEvent(
            "handler_error", f"event {event.event_id!r} holds a value that JSON cannot carry: {error}"
        ) from error


def repair_alert(alert: Alert, now_us: int) -> Alert:
    """The alert with every time and number in range. Raises TypeError or ValueError where a value is of another type."""
    _check_texts(alert)
    times = ("pending_since_us", "starts_at_us", "ends_at_us", "updated_us", "seen_us")
    fixed: dict[str, Any] = {name: _time_us(getattr(alert, name), now_us) for name in times}
    fixed |= {name: _number(getattr(alert, name)) for name in ("value", "threshold")}
    window = tuple(Sample(one.event_id, _sample(one.value), _sample(one.failed)) for one in alert.window)
    repaired = replace(alert, **fixed, window=window)
    return (
        replace(repaired, ends_at_us=max(repaired.ends_at_us, repaired.starts_at_us))
        if repaired.ends_at_us
        else repaired
    )


def repair_group(group: Group, now_us: int, timing: Timing) -> Group:
    """The group likewise, its alerts too. timing: for a group whose own waits no rule can have."""
    waits = (group.timing.group_wait_us, group.timing.group_interval_us, group.timing.repeat_interval_us)
    if not all(isinstance(wait, int) and 0 <= wait <= WAIT_MAX_US for wait in waits):
        group = replace(group, timing=timing)
    times = ("flush_at_us", "set_us", "flushed_us", "notified_us")
    fixed: dict[str, Any] = {name: _time_us(getattr(group, name), now_us) for name in times}
    return replace(group, **fixed, alerts={name: repair_alert(one, now_us) for name, one in group.alerts.items()})


def repair_times(record: Mapping[str, Any], now_us: int) -> dict[str, Any]:
    """An event's record whose times and numbers are in range; for events that wait to be produced."""
    fixed = dict(record)
    for name, value in record.items():
        if name.endswith("_us") and isinstance(value, int):
            fixed[name] = _time_us(value, now_us)
        elif isinstance(value, float):
            fixed[name] = _number(value)
    return fixed


def _time_us(value: object, now_us: int) -> int:
    if not isinstance(value, int):
        raise TypeError(f"a time is {value!r}; expected whole microseconds")
    if value == 0 or TIME_MIN_US <= value < TIME_END_US:
        return value
    return min(max(now_us, TIME_MIN_US), TIME_END_US - 1)  # a clock may be absurd too


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"a number is {value!r}")
    return float(value) if math.isfinite(value) else 0.0


def _sample(value: object) -> float | None:
    return None if value is None else _number(value)


def _check_texts(alert: Alert) -> None:
    for texts in (alert.labels, alert.annotations, alert.identity, alert.fields, alert.facts, *alert.former):
        if not all(isinstance(one, str) for pair in texts.items() for one in pair):
            raise TypeError(f"alert {alert.fingerprint!r} has labels, annotations or fields that are no texts")
    if not all(isinstance(one, str) for one in alert.links):
        raise TypeError(f"alert {alert.fingerprint!r} has links that are no texts")
