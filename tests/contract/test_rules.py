"""Rules: what the registry stores, alerts can run; nothing is accepted there and refused here."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from weir.alerts.core.rule import rule_from
from weir.assets.rule import Rule
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


@pytest.mark.parametrize("source", ["drift-signals", "evaluation-scores", "ops-signals"])
def test_the_rules_that_are_edited_below_are_taken(source: str) -> None:
    condition = {"condition": CONDITION} if source == "evaluation-scores" else {}
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


def test_the_examples_can_run() -> None:
    documents = list(yaml.safe_load_all((repository() / "examples" / "registry" / "rules.yaml").read_text()))
    assert len(documents) > 1
    for document in documents:
        rule_from(document["name"], "sha256:d", json.dumps(document["spec"]))
