"""Identity: which events are of one alert, and which say nothing to a rule."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from harness.samples.builders import DIGEST, envelope
from weir.alerts.core.observation import observe
from weir.alerts.core.rule import Rule, rule_from
from weir.events import DriftSignalled, EvaluationScored


def rule(source: str, **changes: Any) -> Rule:
    spec = {
        "source": source, "match": {}, "severity": "page", "group_by": ["route"], "annotations": {}, "receivers": [], **changes,
    }  # fmt: skip
    return rule_from("r", "sha256:d", json.dumps(spec))


def signal(detector: str, part: str) -> DriftSignalled:
    return DriftSignalled(
        **envelope("signal"),
        route="docs-qa",
        detector=detector,
        config_digest=DIGEST,
        state="fired",
        level="page",
        part=part,
        verdict="system" if detector == "quality" else "",
        event_index=7,
    )


SCORE = EvaluationScored(
    **envelope("score"),
    request_id="r",
    response_event_id="",
    route="docs-qa",
    evaluator="support-coverage",
    evaluator_version="1",
    evaluator_digest=DIGEST,
    score=0.0,
    passed=False,
    inclusion_probability=1.0,
)


@pytest.mark.parametrize(
    ("detector", "part", "labels"),
    [
        ("quality", "support-coverage", {"part": "support-coverage"}),
        ("quality", "outcome-failed", {"part": "outcome-failed"}),
        ("bank", "length", {}),
    ],
)
def test_parts_are_alerts_of_their_own_for_scores_alone(detector: str, part: str, labels: dict[str, str]) -> None:
    seen = observe(rule("drift-signals"), signal(detector, part))

    assert seen is not None
    assert seen.identity == {"tenant": "demo", "route": "docs-qa", "detector": detector, **labels}
    assert seen.is_bad


def test_a_rule_can_leave_out_what_only_the_judge_did() -> None:
    watching = rule("drift-signals", match={"detector": "quality", "verdict": ["system", "none", "pending"]})

    fired, judged = (observe(watching, replace(signal("quality", "x"), verdict=verdict)) for verdict in ("", "judge"))
    raised = observe(watching, replace(signal("quality", "x"), verdict="pending"))
    assert raised is not None
    assert raised.is_bad
    for other in (fired, judged):  # heard, so that what was raised under another verdict ends
        assert other is not None
        assert not other.is_bad


def test_scores_of_anchors_join_no_window() -> None:
    condition = {
        "field": "passed", "aggregate": "fail_rate", "op": ">", "value": 0.5, "window_events": 4, "events_min": 3,
    }  # fmt: skip
    watching = rule("evaluation-scores", condition=condition)

    assert observe(watching, SCORE) is not None
    assert observe(watching, replace(SCORE, anchor_id="p001", anchor_passed=True)) is None
