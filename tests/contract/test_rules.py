"""Rules: what the registry stores, alerts can run; nothing is accepted there and refused here."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from weir.alerts.core.calls.pane import Pane
from weir.alerts.core.calls.reading import read
from weir.alerts.core.calls.series import condition_of
from weir.alerts.core.rule import rule_from
from weir.assets.call_condition import MEASURES
from weir.assets.rule import IDENTITY, Rule
from weir.cli.stack.layout import repository
from weir.registry.core.documents import definitions_from
from weir.registry.core.problems import Refused

BASE: dict[str, Any] = {
    "source": "drift-signals",
    "match": {"level": "page"},
    "severity": "page",
    "group_by": ["alertname"],
    "annotations": {"summary": "look at it"},
    "receivers": ["demo"],
}
CONDITION = {"field": "score", "aggregate": "mean", "op": "<", "value": 0.5, "window_events": 9, "events_min": 2}

TEXTS = st.sampled_from(["a", "", "{", "{part}", "{part!r}", "route", "é", "x" * 300, "\u0000"])
NUMBERS = st.sampled_from([0, 1, -1, 0.5, 3.0, 1e18, 1e19, True, float("nan"), float("inf"), 86_400, 10**30])
PLAIN = TEXTS | NUMBERS | st.none()
VALUES = PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(TEXTS, PLAIN, max_size=2)
INHIBITS = st.lists(st.fixed_dictionaries({"target": VALUES, "equal": VALUES}), max_size=2)
EDITS = st.dictionaries(st.sampled_from(sorted(field.name for field in fields(Rule))), VALUES | INHIBITS, max_size=3)
CONDITIONS = st.dictionaries(st.sampled_from(sorted(CONDITION)), PLAIN, max_size=2)


OVER_CALLS = {
    "measure": "burn_rate", "op": ">", "value": 2, "window_s": 600, "short_window_s": 60, "objective": 0.9, "calls_min": 5,
    "by": ["route"],
}  # fmt: skip
CALL_EDITS = st.dictionaries(
    st.sampled_from(sorted(OVER_CALLS)),
    PLAIN | st.sampled_from([*MEASURES, 10, 60]) | st.just(["route", "model"]),
    max_size=3,
)


@pytest.mark.parametrize("source", sorted(IDENTITY))
def test_the_rules_that_are_edited_below_are_taken(source: str) -> None:
    conditions: dict[str, Any] = {
        "evaluation-scores": {"condition": CONDITION},
        "inference-responses": {"calls": OVER_CALLS},
    }
    condition = conditions.get(source, {})
    spec = {**BASE, "source": source, "match": {}, **condition}

    definitions_from([{"kind": "rule", "name": "r", "version": "1", "spec": spec}])
    assert rule_from("r", "sha256:d", json.dumps(spec)).source == source


@given(EDITS, st.none() | CONDITIONS, st.sampled_from(["drift-signals", "evaluation-scores", "ops-signals"]))
def test_a_rule_that_the_registry_takes_can_run(edits: dict[str, Any], condition: Any, source: str) -> None:
    spec = {**BASE, "source": source, "match": {}, **edits}
    if condition is not None:
        spec["condition"] = {**CONDITION, **condition}
    try:
        definitions_from([{"kind": "rule", "name": "r", "version": "1", "spec": spec}])
    except Refused:
        return
    rule_from("r", "sha256:d", json.dumps(spec))


@given(EDITS, CALL_EDITS)
def test_a_rule_over_calls_that_the_registry_takes_can_run(edits: dict[str, Any], calls: dict[str, Any]) -> None:
    spec = {**BASE, "source": "inference-responses", "match": {}, **edits, "calls": {**OVER_CALLS, **calls}}
    try:
        definitions_from([{"kind": "rule", "name": "r", "version": "1", "spec": spec}])
    except Refused:
        return
    rule = rule_from("r", "sha256:d", json.dumps(spec))
    assert rule.source == "inference-responses"
    condition = condition_of(rule)
    for panes in ({}, {0: Pane(calls=1_000_000, known=1_000_000, total=1.0, bins={1: 1_000_000})}):
        reading = read(condition, panes, condition.pane_us)
        assert reading.value is None or math.isfinite(reading.value)


@pytest.mark.parametrize("file", ["registry/rules.yaml", "alerts/calls.yaml"])
def test_the_examples_can_run_and_send_whoever_is_called_to_a_runbook(file: str) -> None:
    documents = list(yaml.safe_load_all((repository() / "examples" / file).read_text()))
    assert len(documents) > 1
    assert definitions_from(documents)
    for document in documents:
        rule_from(document["name"], "sha256:d", json.dumps(document["spec"]))
        runbook = document["spec"]["annotations"].get("runbook")
        assert runbook is None or (repository() / runbook).is_file()
        assert runbook is None or f"`{document['name']}`" in (repository() / runbook).read_text()
