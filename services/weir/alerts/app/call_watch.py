"""Call watch: counts ended calls in the windows of their rules, and brings each reading of a window to its alert.

A rule is evaluated when the event time of the topic enters a new pane, once for each of its groups. What is unknown ends no
alert at once: a pending one goes back, a firing one stays for `unknown_us` and then ends, saying that it is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from weir.alerts.adapters.metrics import CALLS, CALLS_REPEATED
from weir.alerts.app.draft import Draft
from weir.alerts.app.rulebook import Rulebook
from weir.alerts.core.calls.clock import hear, pass_time
from weir.alerts.core.calls.explanation import observation_of, unknown_for
from weir.alerts.core.calls.reading import Reading, read
from weir.alerts.core.calls.sample import OTHER, Sample, example_of, group_of, is_selected, is_stranger, sample_of
from weir.alerts.core.calls.series import Series, condition_of, definition_of
from weir.alerts.core.observation import Observation
from weir.alerts.core.rule import Rule
from weir.alerts.core.state import ACTIVE, Alert, Phase, key_of
from weir.assets.call_condition import SOURCE
from weir.events import InferenceCompleted
from weir.runtime.telemetry.logs import logger

SEARCH_US = 1_000_000
"""Event time between searches for room that found none, microseconds. A second is the shortest pane: nothing gets idle before."""

Apply = Callable[[Draft, Rule, Observation, int], None]
"""Brings an observation to its alert, at a time of the processing clock."""

End = Callable[[Draft, Alert, int, str], None]
"""Ends an active alert at a time of the processing clock, for a reason."""


@dataclass(frozen=True, slots=True)
class CallLimits:
    """series_max: groups kept over all rules. ids_max: ids of calls kept. unknown_us: how long a firing alert stays while too
    few calls tell what is measured, microseconds."""

    series_max: int
    ids_max: int
    unknown_us: int


class CallWatch:
    """The calls' side of the application; works on drafts."""

    def __init__(self, rulebook: Rulebook, limits: CallLimits, apply: Apply, end: End) -> None:
        self._rulebook = rulebook
        self._limits = limits
        self._apply = apply
        self._end = end
        self._full: set[str] = set()
        """Rules that were said in the log to find no room."""
        self._searched_us = 0
        """Event time of the last search for room that found none."""

    @property
    def is_needed(self) -> bool:
        """Whether a rule over calls is in force."""
        return bool(self._rulebook.watching(SOURCE))

    def observe(self, draft: Draft, event: InferenceCompleted, at_us: int) -> None:
        """Take one ended call into account. at_us: the processing clock."""
        rules = self._rulebook.watching(SOURCE)
        if not rules or draft.hand is None:
            return
        calls, message = draft.calls, draft.hand.message
        if calls.has_seen(event.event_id):
            CALLS_REPEATED.inc()
            return
        calls.ids[event.event_id] = None
        calls.clock = hear(calls.clock, message.partition, event.event_time_us, at_us)
        self._evaluate_due(draft, at_us)
        for rule in rules:
            sample = sample_of(condition_of(rule), event) if is_selected(rule, event) else None
            if sample is not None:
                CALLS.labels(rule.name, self._count(draft, rule, event, sample, at_us)).inc()

    def pass_time(self, draft: Draft, at_us: int) -> None:
        """Evaluate what is due although nothing is heard."""
        draft.calls.clock = pass_time(draft.calls.clock, at_us)
        self._evaluate_due(draft, at_us)

    def reconcile(self, draft: Draft) -> None:
        """Bring every series under the rules as they are now; an open alert always has one, so that it can end."""
        rules = {rule.name: rule for rule in self._rulebook.watching(SOURCE)}
        draft.calls.forget_versions({f"{rule.name} {rule.digest}" for rule in rules.values()})
        for series in list(draft.calls.all_series()):
            rule = rules.get(series.rule)
            is_kept = series.rule in self._rulebook.broken or (rule and series.definition == definition_of(rule))
            if not is_kept:
                draft.calls.drop(series.key)
        for alert in draft.all_alerts():
            rule = rules.get(alert.rule)
            if rule is not None and alert.phase in ACTIVE and draft.calls.find(alert.key) is None:
                since_us = draft.calls.clock.mark_us
                draft.calls.series[alert.key] = Series(
                    rule.name, definition_of(rule), alert.identity, since_us=since_us
                )

    def readings(self, draft: Draft) -> list[tuple[Rule, Series, Reading]]:
        """What is known of every group now."""
        rules = {rule.name: rule for rule in self._rulebook.watching(SOURCE)}
        return [
            (rule, series, _reading(draft, rule, series, _boundary_us(draft, rule)))
            for series in draft.calls.all_series()
            if (rule := rules.get(series.rule)) is not None
        ]

    def _count(self, draft: Draft, rule: Rule, event: InferenceCompleted, sample: Sample, at_us: int) -> str:
        """Add a call to its pane; the result for the metric."""
        condition, time_us = condition_of(rule), min(event.event_time_us, at_us)
        start_us = time_us // condition.pane_us * condition.pane_us
        if start_us < _boundary_us(draft, rule) + condition.pane_us - condition.window_us:
            return "late"
        series = self._series(draft, rule, event)
        if series is None:
            return "unwatched"
        if (heard := series.heard(time_us, draft.calls.clock.mark_us)) != series:
            draft.calls.series[series.key] = heard
        trace = draft.hand.trace if draft.hand else None
        example = example_of(sample, event, trace.traceparent if trace else "")
        draft.calls.pane(series.key, start_us).add(sample, example, is_low=condition.is_low)
        return "counted"

    def _series(self, draft: Draft, rule: Rule, event: InferenceCompleted) -> Series | None:
        group = group_of(condition_of(rule), event)
        found = draft.calls.find(key_of(rule.name, group))
        if found is None and "route" in group and is_stranger(rule, event):
            group = {**group, "route": OTHER}
            found = draft.calls.find(key_of(rule.name, group))
        if found is None and self._make_room(draft, rule):
            found = Series(rule.name, definition_of(rule), group)
            draft.calls.series[found.key] = found
        return found

    def _make_room(self, draft: Draft, rule: Rule) -> bool:
        """Room for one more series: the longest idle one leaves that has no calls in its window and no open alert."""
        if draft.calls.series_count < self._limits.series_max:
            return True
        mark_us = draft.calls.clock.mark_us
        if mark_us < self._searched_us + SEARCH_US:
            return False
        idle = [one for one in draft.calls.all_series() if not draft.calls.panes_of(one.key) and not _open(draft, one)]
        if idle:
            draft.calls.drop(min(idle, key=lambda one: one.newest_us).key)
            return True
        self._searched_us = mark_us
        if rule.name not in self._full:
            self._full.add(rule.name)
            logger().error("call_series_full", rule=rule.name, limit=self._limits.series_max, hint="group by less")
        return False

    def _evaluate_due(self, draft: Draft, at_us: int) -> None:
        hand, draft.hand = draft.hand, None  # the message in flight caused none of it: it only let time pass
        for rule in self._rulebook.watching(SOURCE):
            calls, version, end_us = draft.calls, f"{rule.name} {rule.digest}", _boundary_us(draft, rule)
            if end_us > calls.evaluated_us(version):
                calls.evaluated[version] = end_us
                for series in [one for one in calls.all_series() if one.rule == rule.name]:
                    self._evaluate(draft, rule, series, end_us, at_us)
        draft.hand = hand

    def _evaluate(self, draft: Draft, rule: Rule, series: Series, end_us: int, at_us: int) -> None:
        condition, panes = condition_of(rule), draft.calls.panes_of(series.key)
        reading = _reading(draft, rule, series, end_us)
        if reading.value is None:
            self._leave_unknown(draft, series, reading, at_us)
        else:
            if series.unknown_since_us:
                draft.calls.series[series.key] = replace(series, unknown_since_us=0)
            self._apply(draft, rule, observation_of(rule, series, reading, reading.value), at_us)
        over = [start_us for start_us in panes if start_us < end_us - condition.window_us]
        for start_us in over:
            draft.calls.panes[series.key, start_us] = None
        if len(over) == len(panes) and condition.calls_min and not _open(draft, series):
            draft.calls.drop(series.key)

    def _leave_unknown(self, draft: Draft, series: Series, reading: Reading, at_us: int) -> None:
        alert, end_us = _open(draft, series), reading.end_us
        if alert is None:
            return
        since_us = series.unknown_since_us or end_us
        # Written at each evaluation, and the mark with it: a restart does not begin the wait anew.
        draft.calls.series[series.key] = replace(series, unknown_since_us=since_us)
        if alert.phase is Phase.PENDING or end_us - since_us >= self._limits.unknown_us:
            self._end(draft, alert, at_us, unknown_for(reading, end_us - since_us))


def _open(draft: Draft, series: Series) -> Alert | None:
    alert = draft.alert(series.key)
    return alert if alert is not None and alert.phase in ACTIVE else None


def _reading(draft: Draft, rule: Rule, series: Series, end_us: int) -> Reading:
    return read(condition_of(rule), draft.calls.panes_of(series.key), end_us, series.since_us)


def _boundary_us(draft: Draft, rule: Rule) -> int:
    condition = condition_of(rule)
    return draft.calls.clock.boundary_us(condition.window_us, condition.pane_us)
