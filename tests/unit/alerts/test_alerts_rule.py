"""Rules: what cannot run is refused by name; what matches is what the rule says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.samples.builders import one_of_each
from weir.alerts.core.observation import observe
from weir.alerts.core.rule import InvalidRule, Rule, rule_from
from weir.events import DriftSignalled, EvaluationScored

SPEC: dict[str, Any] = {
    "source": "drift-signals",
    "match": {"level": ["page", "warn"], "route": "docs-qa"},
    "severity": "page",
    "group_by": ["tenant"],
    "annotations": {"summary": "{part}"},
    "receivers": ["demo"],
}
CONDITION = {
    "field": "passed",
    "aggregate": "fail_rate",
    "op": ">",
    "value": 0.5,
    "window_events": 4,
    "events_min": 4,
}
SCORES = {**SPEC, "source": "evaluation-scores", "match": {"evaluator": "e"}, "condition": CONDITION}


def rule(**changes: Any) -> Rule:
    return rule_from("r", "sha256:d", json.dumps({**SPEC, **changes}))


def signal(**fields: Any) -> DriftSignalled:
    (plain,) = [event for event in one_of_each() if isinstance(event, DriftSignalled)]
    return DriftSignalled.from_record({**plain.as_record(), **fields})


def score(**fields: Any) -> EvaluationScored:
    (plain,) = [event for event in one_of_each() if isinstance(event, EvaluationScored)]
    return EvaluationScored.from_record({**plain.as_record(), **fields})


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({**SPEC, "sorce": 1}, "unknown key 'sorce'; accepted keys: annotations"),
        ({**SPEC, "source": "spans"}, "source is 'spans'; expected one of: drift-signals"),
        ({**SPEC, "severity": "loud"}, "severity is 'loud'"),
        ({**SPEC, "match": {"lvl": 1}}, "spec.match names the unknown field 'lvl'; fields of drift-signals"),
        ({**SCORES, "condition": {**CONDITION, "op": "="}}, "condition.op is '='; expected one of: <, <=, >, >="),
        (
            {**SCORES, "condition": {**CONDITION, "events_min": 5}},
            "events_min is 5, above window_events; the rule never fires",
        ),
        (
            {**SCORES, "condition": {**CONDITION, "window_events": 10_000}},
            "window_events is 10000; expected a whole number from 1 to 1000",
        ),
        ({**SCORES, "condition": {**CONDITION, "field": "statistic"}}, "which events of evaluation-scores do not have"),
        ({**SCORES, "condition": {**CONDITION, "extra": 1}}, "extra"),
        ({key: value for key, value in SCORES.items() if key != "condition"}, "over evaluation-scores needs one"),
        ({key: value for key, value in SPEC.items() if key != "receivers"}, "receivers"),
        ([], "cannot run"),
        ({**SCORES, "condition": {**CONDITION, "value": "high"}}, "condition.value is 'high'; expected a number"),
        ({**SCORES, "condition": {**CONDITION, "value": float("nan")}}, "condition.value is nan; expected a number"),
        ({**SCORES, "condition": {**CONDITION, "window_events": 4.5}}, "window_events is 4.5; expected a whole number"),
        ({**SPEC, "for_s": -1}, "for_s is -1; expected a number from 0 to 86400"),
        ({**SPEC, "for_s": 1e300}, "for_s is 1e+300"),
        ({**SPEC, "group_wait_s": True}, "group_wait_s is True"),
        ({**SPEC, "group_interval_s": 1e9}, "group_interval_s is 1000000000.0"),
        ({**SPEC, "repeat_interval_s": 0.1}, "repeat_interval_s is 0.1; expected a number from 1 to"),
        ({**SPEC, "annotations": {"summary": "{part"}}, "expected '}'"),
        ({**SPEC, "labels": {"team": "\ud800"}}, "half of a surrogate pair"),
        ({**SPEC, "receivers": "demo"}, "receivers is 'demo'; expected a list"),
        ({**SPEC, "inhibits": [{"target": {}, "equal": []}]}, "target is empty and would silence every other alert"),
        ({**SPEC, "inhibits": [{"target": {"a": "b"}, "equal": []}] * 21}, "at most 20"),
    ],
)
def test_a_rule_that_cannot_run_is_named(spec: object, message: str) -> None:
    with pytest.raises(InvalidRule, match="rule 'r'") as caught:
        rule_from("r", "sha256:d", json.dumps(spec))

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "is_seen"),
    [
        ({}, True),
        ({"level": "warn"}, True),
        ({"level": ""}, False),
        ({"route": "other"}, False),
        ({"state": "cleared"}, True),
        ({"state": "warming"}, False),
        ({"state": "monitoring"}, False),
    ],
)
def test_a_signal_is_seen_when_every_field_matches(fields: dict[str, Any], is_seen: bool) -> None:
    assert (observe(rule(), signal(**fields)) is not None) == is_seen


def test_fired_raises_and_cleared_ends() -> None:
    fired, cleared = observe(rule(), signal()), observe(rule(), signal(state="cleared"))

    assert fired is not None
    assert fired.is_bad
    assert cleared is not None
    assert not cleared.is_bad


def test_a_score_speaks_by_the_field_of_the_condition() -> None:
    by_passed = rule_from("r", "d", json.dumps(SCORES))
    by_score = rule_from(
        "r", "d", json.dumps({**SCORES, "condition": {**CONDITION, "field": "score", "aggregate": "mean"}})
    )
    event = score(evaluator="e", passed=False, score=0.25)

    assert [one.sample for one in (observe(by_passed, event), observe(by_score, event)) if one] == [1.0, 0.25]
    assert observe(by_passed, score(evaluator="e", passed=None)) is None
    assert observe(by_passed, score(evaluator="other", passed=False)) is None
