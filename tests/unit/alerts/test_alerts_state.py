"""State: laws over any sequence of observations and ticks, then the four phases by example."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.alerts.core.labels import fingerprint, group_key, labels_of
from weir.alerts.core.observation import Observation
from weir.alerts.core.rule import Rule, rule_from
from weir.alerts.core.snapshot import alert_from, alert_record
from weir.alerts.core.state import Alert, Phase, fill, step, tick

SECOND_US = 1_000_000
CONDITION = {"field": "passed", "aggregate": "fail_rate", "op": ">", "value": 0.5, "window_events": 4, "events_min": 3}
NEXT = {
    Phase.INACTIVE: {Phase.PENDING, Phase.FIRING},
    Phase.PENDING: {Phase.INACTIVE, Phase.FIRING},
    Phase.FIRING: {Phase.RESOLVED},
    Phase.RESOLVED: {Phase.PENDING, Phase.FIRING},
}


def rule(**changes: Any) -> Rule:
    spec = {
        "source": "evaluation-scores" if "condition" in changes else "drift-signals",
        "match": {},
        "severity": "page",
        "group_by": ["route"],
        "annotations": {"summary": "{part} on {route}: {value}"},
        "receivers": ["demo"],
        **changes,
    }
    return rule_from("r", "sha256:d", json.dumps(spec))


def seen(number: int, *, is_bad: bool = True, sample: float = 0.0) -> Observation:
    """An observation at second `number`."""
    fields = {"part": "p", "route": "docs-qa"}
    identity = {"tenant": "t", "route": "docs-qa"}
    return Observation(f"id-{number}", number * SECOND_US, identity, fields, is_bad, sample, 2.0, 1.0)


def fresh() -> Alert:
    labels = {"alertname": "r"}
    return Alert(fingerprint=fingerprint(labels), rule="r", rule_digest="sha256:d", labels=labels)


STEPS = st.lists(st.tuples(st.sampled_from(["bad", "good", "tick"]), st.integers(0, 5)), max_size=40)


@given(STEPS, st.sampled_from([0, 3]))
def test_phases_follow_each_other_as_drawn_and_times_fit_them(steps: list[tuple[str, int]], for_s: int) -> None:
    alert, now, watched = fresh(), 0, rule(for_s=for_s)
    for number, (what, wait) in enumerate(steps):
        now += wait
        before = alert
        if what == "tick":
            alert, is_changed = tick(alert, watched, now * SECOND_US)
        else:
            one = Observation(f"id-{number}", now * SECOND_US, {}, {}, what == "bad", 0.0, 2.0, 1.0)
            alert, is_changed = step(alert, watched, one, now * SECOND_US)
        assert is_changed == (alert.phase is not before.phase)
        assert not is_changed or alert.phase in NEXT[before.phase]
        assert (alert.pending_since_us == 0) or alert.phase is Phase.PENDING
        assert alert.phase is not Phase.FIRING or alert.ends_at_us == 0
        assert alert.phase is not Phase.RESOLVED or alert.ends_at_us >= alert.starts_at_us
        assert alert_from(json.loads(json.dumps(alert_record(alert)))) == alert


@given(st.lists(st.booleans(), max_size=60))
def test_the_window_says_what_the_last_events_say(failed: list[bool]) -> None:
    alert, watched = fresh(), rule(condition=CONDITION)
    for number, one in enumerate(failed):
        alert, _ = step(alert, watched, seen(number, sample=float(one)), number * SECOND_US)
        last = failed[max(0, number - 3) : number + 1]
        should_fire = sum(last) / len(last) > 0.5
        if len(last) >= 3:
            assert (alert.phase is Phase.FIRING) == should_fire
        else:
            assert alert.phase is Phase.INACTIVE


def test_an_event_seen_twice_counts_once() -> None:
    alert, watched = fresh(), rule(condition=CONDITION)
    for number in (1, 1, 1, 1, 2):
        alert, _ = step(alert, watched, seen(number, sample=1.0), number * SECOND_US)

    assert (len(alert.window), alert.phase) == (2, Phase.INACTIVE)


@pytest.mark.capability("O12")
def test_a_pending_alert_fires_by_the_clock_when_nothing_more_is_heard() -> None:
    watched = rule(for_s=10)
    alert, _ = step(fresh(), watched, seen(100), 100 * SECOND_US)
    early, _ = tick(alert, watched, 109 * SECOND_US)
    late, is_changed = tick(alert, watched, 200 * SECOND_US)

    assert (alert.phase, early.phase, late.phase, is_changed) == (Phase.PENDING, Phase.PENDING, Phase.FIRING, True)
    assert late.starts_at_us == 110 * SECOND_US


def test_a_pending_alert_that_passes_leaves_without_firing() -> None:
    alert, _ = step(fresh(), rule(for_s=10), seen(100), 100 * SECOND_US)
    alert, is_changed = step(alert, rule(for_s=10), seen(105, is_bad=False), 105 * SECOND_US)

    assert (alert.phase, is_changed, alert.starts_at_us) == (Phase.INACTIVE, True, 0)


def test_annotations_are_filled_when_it_is_raised_and_stay() -> None:
    alert, _ = step(fresh(), rule(), seen(1), 1 * SECOND_US)
    again, is_changed = step(alert, rule(annotations={"summary": "other"}), seen(2), 2 * SECOND_US)

    assert alert.annotations == {"summary": "p on docs-qa: 2"}
    assert (again.annotations, is_changed) == (alert.annotations, False)


def test_a_placeholder_that_nothing_fills_stays() -> None:
    assert fill("{a} {b} {{c}}", {"a": "1"}) == "1 {b} {c}"


def test_fingerprints_are_those_of_alertmanager() -> None:
    """Values of Prometheus' own tests of its label sets (model.LabelSet, FNV-1a)."""
    assert fingerprint({}) == "cbf29ce484222325"
    assert fingerprint({"b": "1", "a": "2"}) == fingerprint({"a": "2", "b": "1"})
    assert fingerprint({"a": "1b"}) != fingerprint({"a1": "b"})


def test_a_rules_own_labels_do_not_hide_what_identifies() -> None:
    labels = labels_of(rule(labels={"route": "x", "team": "search"}), {"route": "docs-qa"})

    assert labels == {"team": "search", "route": "docs-qa", "alertname": "r", "severity": "page"}
    assert group_key({"b": 'say "x"', "a": "1"}) == '{}:{a="1", b="say \\"x\\""}'


def test_an_alarm_on_scores_that_is_told_again_takes_the_new_verdict_and_stays_the_same_alert() -> None:
    asked = rule(annotations={"summary": "verdict {verdict}"})

    def verdict_seen(number: int, verdict: str) -> Observation:
        one = seen(number)
        return replace(one, fields={**one.fields, "verdict": verdict})

    alert, _ = step(fresh(), asked, verdict_seen(1, "pending"), SECOND_US)
    again, is_changed = step(alert, asked, verdict_seen(2, "judge"), 2 * SECOND_US)

    assert (alert.annotations, again.annotations) == ({"summary": "verdict pending"}, {"summary": "verdict judge"})
    assert (is_changed, again.phase, again.cause_event_id) == (False, Phase.FIRING, alert.cause_event_id)
