"""A condition over calls: what can run is taken, and each thing that cannot is refused by its name."""

from __future__ import annotations

from typing import Any

import pytest

from weir.assets.call_condition import MEASURES
from weir.assets.rule import Rule
from weir.assets.shapes import InvalidAsset, parse

CALLS: dict[str, Any] = {
    "measure": "latency_p95_ms", "op": ">", "value": 800, "window_s": 300, "calls_min": 20, "by": ["tenant", "route"],
}  # fmt: skip
BURN = {"measure": "burn_rate", "objective": 0.99, "window_s": 3600, "short_window_s": 300, "value": 14.4}
SPEC: dict[str, Any] = {
    "source": "inference-responses",
    "match": {"route": "docs-qa"},
    "calls": CALLS,
    "severity": "page",
    "group_by": ["tenant", "route"],
    "annotations": {
        "summary": "{measure} of {route}: {value}, threshold {threshold}, {calls} calls, {window}, {request_ids}"
    },
    "receivers": ["demo"],
}


def spec(calls: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return {**SPEC, "calls": {**CALLS, **(calls or {})}, **changes}


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_is_taken(measure: str) -> None:
    changes = BURN if measure == "burn_rate" else {"measure": measure, "value": 0.5}

    rule = parse(Rule, spec(changes))

    assert rule.calls is not None
    assert rule.calls.measure == measure
    assert rule.identity == ("tenant", "route")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (spec({"measure": "latency_p90_ms"}), "spec.calls.measure is 'latency_p90_ms'; expected one of: latency_p50_ms"),
        (spec({"op": "=="}), "spec.calls.op is '=='; expected one of"),
        (spec({"value": -1}), "spec.calls.value is -1; expected a number from 0"),
        (spec({"window_s": 9}), "spec.calls.window_s is 9; expected a number from 10 to 259200"),
        (spec({"window_s": 300_000}), "spec.calls.window_s is 300000"),
        (spec({"calls_min": 0.5}), "spec.calls.calls_min is 0.5; expected a whole number"),
        (spec({"calls_min": 0}), "only calls_per_min has a value where there are no calls"),
        (spec({"by": ["session_id"]}), "spec.calls.by[0] is 'session_id'; expected one of: tenant, route"),
        (spec({"by": ["route", "route"]}), "spec.calls.by names a field twice"),
        (spec({"minimum": 3}), "spec.calls unknown key 'minimum'"),
        (spec({"measure": "error_rate", "value": 5}), "error_rate is a share from 0 to 1"),
        (spec({"measure": "refusal_rate", "value": 0.1, "by": ["model"]}), "a refused call has no model and no release"),
        (spec({"measure": "refusal_rate", "value": 0.1}, match={"model": "m"}), "a refused call has no model"),
        (spec({"objective": 0.99}), "spec.calls.objective goes with measure 'burn_rate'"),
        (spec({"short_window_s": 60}), "spec.calls.short_window_s goes with measure 'burn_rate'"),
        (spec({**BURN, "objective": None}), "spec.calls.objective is None"),
        (spec({**BURN, "objective": 1}), "spec.calls.objective is 1; expected a number from 0.5"),
        (spec({**BURN, "short_window_s": 3600}), "is 3600; expected less than window_s"),
        (spec({**BURN, "short_window_s": 200}), "is 200; expected less than window_s, and a 12th of it at least"),
        (spec({**BURN, "op": "<"}), "a burn rate is compared with > or >="),
        (spec(match={"input_text": "x"}), "names the field 'input_text'; a rule over calls selects by: tenant, route"),
        (spec({"measure": "error_rate", "value": 0.1}, match={"outcome": "ok"}), "which error_rate itself measures"),
        (spec(condition={"field": "score"}), "spec.condition lacks the key"),
        (spec(group_by=["model"]), "names the label 'model', which its alerts do not have"),
        (spec(labels={"route": "x"}), "spec.labels.route is set by the alert itself"),
        (spec(annotations={"summary": "{latency_ms}"}), "has the placeholder {latency_ms}; accepted: calls, measure"),
        ({name: value for name, value in SPEC.items() if name != "calls"}, "lacks the key 'calls'"),
        (spec(source="ops-signals", match={}, group_by=[]), "spec.calls goes with source 'inference-responses'"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused_by_name(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidAsset) as caught:
        parse(Rule, given)

    assert words in str(caught.value)


def test_a_condition_over_events_does_not_go_with_calls() -> None:
    over = {"field": "score", "aggregate": "mean", "op": "<", "value": 1, "window_events": 2, "events_min": 1}

    with pytest.raises(InvalidAsset, match="spec.condition does not go with source 'inference-responses'"):
        parse(Rule, spec(condition=over))


def test_a_part_of_the_shorter_window_is_a_tenth_of_it() -> None:
    rule = parse(Rule, spec(BURN))

    assert rule.calls is not None
    assert rule.calls.pane_us == 30_000_000
