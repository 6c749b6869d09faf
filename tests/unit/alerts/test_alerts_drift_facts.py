"""An alert about drift names the reference version, the part, the clusters and examples, whatever its rule says."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from harness.samples.builders import DIGEST, NOON_US, REQUEST_ID, one_of_each
from weir.alerts.core.drift_facts import FACT_CHARS_MAX, drift_facts
from weir.alerts.core.observation import observe
from weir.alerts.core.rule import Rule, rule_from
from weir.alerts.core.state import Alert, Phase, step
from weir.events import DriftSignalled

SPEC = {
    "source": "drift-signals",
    "match": {},
    "severity": "page",
    "group_by": ["route"],
    "annotations": {"summary": "{part}: {clusters}"},
    "receivers": ["demo"],
}


def signal(**fields: object) -> DriftSignalled:
    plain = next(one for one in one_of_each() if isinstance(one, DriftSignalled))
    return replace(plain, **fields)  # type: ignore[arg-type]  # fields by name


def rule(**annotations: str) -> Rule:
    return rule_from("drift-page", DIGEST, json.dumps({**SPEC, "annotations": {**SPEC["annotations"], **annotations}}))  # type: ignore[dict-item]  # a mapping


def alert_of(event: DriftSignalled, watched: Rule) -> Alert:
    seen = observe(watched, event)
    assert seen is not None
    after, _ = step(Alert(fingerprint="f", rule="drift-page", rule_digest=DIGEST, labels={}), watched, seen, NOON_US)
    return after


@pytest.mark.capability("O12")
def test_the_alert_names_reference_part_clusters_and_examples() -> None:
    alert = alert_of(signal(since_event_index=1_500, since_time_us=NOON_US), rule())

    said = alert.annotations
    assert alert.phase is Phase.FIRING
    assert said["reference"] == f"1 ({DIGEST})"
    assert said["part"] == "knn_novelty"
    assert said["clusters"].startswith("botany, leaf, stem: 6 events, 5.5 per 100 now, 0.6 before")
    assert said["examples"] == said["examples_before"] == REQUEST_ID
    assert said["evaluation_dataset"] == f"faq 2 ({DIGEST})"
    assert said["terms"] == "botany 0.0% to 50.0%"
    assert said["blame"] == "prompt qa 3: 11.5 nats of evidence on 12 calls"
    assert said["since"].startswith("event 1500, 2026-")
    assert said["summary"] == f"knn_novelty: {said['clusters']}"


def test_a_rule_may_say_it_in_its_own_words() -> None:
    assert alert_of(signal(), rule(part="see {part}")).annotations["part"] == "see knn_novelty"


def test_what_a_signal_does_not_say_is_left_out_and_what_it_says_is_bounded() -> None:
    bare = signal(clusters=(), shifted_terms=(), blame=(), psi_by_cluster=(), dataset_name="", dataset_version="",
                  dataset_digest="", example_request_ids=("x" * 36,) * 100)  # fmt: skip

    facts = drift_facts(bare)

    assert not {"clusters", "terms", "blame", "evaluation_dataset", "reference_clusters", "since"} & set(facts)
    assert len(facts["examples"]) == FACT_CHARS_MAX


@pytest.mark.parametrize(("state", "is_bad"), [("fired", True), ("skewed", True), ("cleared", False)])
def test_states_that_raise_and_end(state: str, is_bad: bool) -> None:
    seen = observe(rule(), signal(state=state))

    assert seen is not None
    assert seen.is_bad is is_bad


@pytest.mark.parametrize("state", ["warming", "monitoring", "accepted", "dismissed", "skew_reference"])
def test_states_that_say_nothing_to_a_rule(state: str) -> None:
    assert observe(rule(), signal(state=state)) is None
