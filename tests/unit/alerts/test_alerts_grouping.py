"""Grouping and the body: nothing notified twice, nothing that fires left out, Alertmanager's shape to the letter."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.alerts.core.grouping import Group, Notification, Timing, flush, join
from weir.alerts.core.notification import NEVER, rfc3339, webhook_body, webhook_id
from weir.alerts.core.snapshot import group_from, group_record
from weir.alerts.core.state import Alert, Phase

TIMING = Timing(group_wait_us=5, group_interval_us=20, repeat_interval_us=100_000)


def alert(name: str, phase: Phase = Phase.FIRING, starts: int = 1, ends: int = 0) -> Alert:
    labels = {"alertname": "r", "series": name}
    return Alert(
        fingerprint=name,
        rule="r",
        rule_digest="d",
        labels=labels,
        phase=phase,
        annotations={"summary": "s"},
        starts_at_us=starts,
        ends_at_us=ends,
    )


def ended(name: str, starts: int = 1, ends: int = 2) -> Alert:
    return alert(name, Phase.RESOLVED, starts, ends)


def group(*alerts: Alert, now_us: int = 0) -> Group:
    made = Group("demo", "key", {"alertname": "r"}, TIMING)
    for one in alerts:
        made = join(made, one, now_us, TIMING)
    return made


def test_the_first_alert_waits_for_company() -> None:
    made = group(alert("a"), alert("b"))

    assert flush(made, 4) == (made, None)
    _, sent = flush(made, 5)
    assert sent is not None
    assert [one.fingerprint for one in sent.alerts] == ["a", "b"]


def test_a_later_change_waits_for_the_next_tick() -> None:
    rest, _ = flush(group(alert("a")), 5)
    assert rest is not None
    later = join(rest, alert("b"), 6, TIMING)

    assert later.flush_at_us == 25
    assert join(rest, alert("b"), 100, TIMING).flush_at_us == 105


def test_what_ended_before_anyone_was_told_is_not_told() -> None:
    assert flush(group(alert("a"), ended("a")), 5) == (None, None)


def test_the_end_of_what_was_told_is_told_and_the_group_ends() -> None:
    rest, _ = flush(group(alert("a")), 5)
    assert rest is not None
    after, sent = flush(join(rest, ended("a"), 30, TIMING), 45)

    assert after is None
    assert sent is not None
    assert sent.status == "resolved"


def test_the_same_is_not_told_twice() -> None:
    rest, _ = flush(group(alert("a")), 5)
    assert rest is not None
    again = join(rest, alert("a"), 30, TIMING)

    after, sent = flush(again, 30)
    assert sent is None
    assert after is not None
    assert after.alerts == rest.alerts


EVENTS = st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 30)), max_size=30)


@given(EVENTS)
def test_told_says_in_the_end_what_is_the_case(events: list[tuple[str, bool, int]]) -> None:
    """Follows what a receiver believes: after the last flush it knows exactly the alerts that fire."""
    current: Group | None = None
    firing: dict[str, Alert] = {}
    believed: dict[str, Alert] = {}
    ids: list[str] = []
    now = 1
    for name, is_bad, wait in [*events, ("a", False, 1_000), ("a", False, 1_000)]:
        now += wait
        if is_bad != (name in firing):
            one = alert(name, starts=now) if is_bad else ended(name, firing[name].starts_at_us, now)
            firing = {**firing, name: one} if is_bad else {key: old for key, old in firing.items() if key != name}
            if current is not None or is_bad:
                current = join(current or Group("demo", "key", {}, TIMING), one, now, TIMING)
        if current is None:
            continue
        stored = json.loads(json.dumps(group_record(current)))
        before = {
            {"notified": "told", "notified_us": "told_us"}.get(name, name): value for name, value in stored.items()
        }
        assert group_from(stored, TIMING) == group_from(before, TIMING) == current
        current, sent = flush(current, now)
        if sent is not None:
            ids.append(webhook_id(sent))
            believed = {one.fingerprint: one for one in sent.alerts if one.phase is Phase.FIRING}
    if current is not None:
        current, sent = flush(current, now + 10_000)
        believed = {one.fingerprint: one for one in sent.alerts if one.phase is Phase.FIRING} if sent else believed

    assert believed == firing
    assert len(ids) == len(set(ids))


@pytest.mark.capability("U6", is_check=True, clause="payload")
def test_the_body_is_alertmanagers() -> None:
    sent = Notification("demo", "key", {"alertname": "r"}, (alert("a"), ended("b")), 9)

    body = webhook_body(sent, external_url="http://weir", generator_url="http://registry/", alerts_max=10)

    assert body == {
        "version": "4",
        "groupKey": "key",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "demo",
        "groupLabels": {"alertname": "r"},
        "commonLabels": {"alertname": "r"},
        "commonAnnotations": {"summary": "s"},
        "externalURL": "http://weir",
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": "r", "series": "a"},
                "annotations": {"summary": "s"},
                "startsAt": "1970-01-01T00:00:00.000001Z",
                "endsAt": NEVER,
                "generatorURL": "http://registry/r",
                "fingerprint": "a",
            },
            {
                "status": "resolved",
                "labels": {"alertname": "r", "series": "b"},
                "annotations": {"summary": "s"},
                "startsAt": "1970-01-01T00:00:00.000001Z",
                "endsAt": "1970-01-01T00:00:00.000002Z",
                "generatorURL": "http://registry/r",
                "fingerprint": "b",
            },
        ],
    }


def test_a_long_list_is_cut_and_counted() -> None:
    sent = Notification("demo", "key", {}, tuple(alert(f"{number:02}") for number in range(5)), 9)
    body = webhook_body(sent, external_url="", generator_url="", alerts_max=2)

    assert body["truncatedAlerts"] == 3
    assert isinstance(body["alerts"], list)
    assert len(body["alerts"]) == 2


def test_the_id_says_what_is_told_and_nothing_else() -> None:
    sent = Notification("demo", "key", {}, (alert("a"),), 9)

    assert webhook_id(sent) == webhook_id(replace(sent, decided_us=99))
    assert webhook_id(sent) != webhook_id(replace(sent, receiver="other"))
    assert webhook_id(sent) != webhook_id(replace(sent, alerts=(ended("a"),)))


def test_times_are_rfc3339() -> None:
    assert rfc3339(1_795_521_600_123_456) == "2026-11-24T12:00:00.123456Z"
