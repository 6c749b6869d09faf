"""Definitions: what the registry may hold and what becomes of it; a bad one never stops the others."""

from __future__ import annotations

import functools
import json
import pathlib
from typing import Any

import pytest
import yaml
from hypothesis import given

from harness.kafka.registry_log import numbered, rereadings
from harness.samples.builders import DIGEST, NOON_US, envelope
from weir.assets.shapes import InvalidAsset
from weir.evaluator.core.active import ActiveEvaluators, apply_change
from weir.evaluator.core.definition import SCORERS, evaluator_of
from weir.events import RegistryChanged, canonical_json

EXAMPLES = pathlib.Path(__file__).resolve().parents[3] / "examples" / "registry" / "evaluators.yaml"
LENGTH = {"type": "length", "routes": ["*"], "sample_rate": 0.5, "salt": "s", "threshold": 0.9}


def change(spec: Any, **fields: Any) -> RegistryChanged:
    plain: dict[str, Any] = {
        "revision": 1,
        "change": "alias_moved",
        "kind": "evaluator",
        "name": "an-evaluator",
        "version": "1",
        "digest": DIGEST,
        "alias": "prod",
        "body_json": canonical_json(spec),
        "author": "me",
    }
    return RegistryChanged(**envelope("registry"), **(plain | fields))


LOG = numbered(
    [
        change({**LENGTH, "salt": version} if version != "3" else {"type": "no such"}, name=name, version=version)
        for version in ("1", "2", "3", "1")
        for name in ("a", "b")
    ],
    NOON_US,
)


@given(reading=rereadings(LOG))
def test_the_log_read_in_any_order_and_twice_leaves_the_same_evaluators(reading: list[RegistryChanged]) -> None:
    def after(events: list[RegistryChanged]) -> ActiveEvaluators:
        return functools.reduce(apply_change, events, ActiveEvaluators())

    found, expected = after(reading), after(LOG)

    assert {name: one.version for name, one in found.by_name.items()} == {"a": "1", "b": "1"}
    assert (found.unusable, found.orders) == (expected.unusable, expected.orders)


@pytest.mark.parametrize("document", list(yaml.safe_load_all(EXAMPLES.read_text())), ids=lambda one: str(one["name"]))
def test_every_example_is_a_usable_definition(document: dict[str, Any]) -> None:
    evaluator = evaluator_of(document["name"], document["version"], DIGEST, canonical_json(document["spec"]))

    assert document["kind"] == "evaluator"
    assert document["aliases"] == ["prod"]
    assert evaluator.is_for("docs-qa")


def test_the_examples_use_every_type_once_or_more() -> None:
    used = {document["spec"]["type"] for document in yaml.safe_load_all(EXAMPLES.read_text())}

    assert used == set(SCORERS)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({**LENGTH, "type": "judge"}, "type is 'judge'; expected one of"),
        ({**LENGTH, "rate": 1}, "unknown key 'rate'; accepted keys: description, parameters"),
        (
            {**LENGTH, "parameters": {"word_max": 3}},
            "spec.parameters unknown key 'word_max'; accepted keys: words_max, words_min",
        ),
        ({**LENGTH, "parameters": [1]}, r"parameters is \[1\]; expected a mapping"),
        ({**LENGTH, "sample_rate": 1.5}, "sample_rate is 1.5"),
        ({**LENGTH, "routes": "docs-qa"}, "routes is 'docs-qa'"),
        ({**LENGTH, "threshold": "high"}, "threshold is 'high'"),
        ({**LENGTH, "salt": 7}, "salt is 7"),
        ([], r"spec is \[\]; expected a mapping"),
    ],
)
def test_a_definition_that_cannot_be_used_says_why(spec: Any, message: str) -> None:
    with pytest.raises(InvalidAsset, match=message):
        evaluator_of("x", "1", DIGEST, json.dumps(spec))


def test_a_spec_that_is_no_json_says_so() -> None:
    with pytest.raises(InvalidAsset, match="no JSON"):
        evaluator_of("x", "1", DIGEST, "{")


def test_routes_are_globs() -> None:
    evaluator = evaluator_of("x", "1", DIGEST, canonical_json({**LENGTH, "routes": ["docs-*", "chat"]}))

    assert [evaluator.is_for(route) for route in ("docs-qa", "chat", "chats", "")] == [True, True, False, False]


def test_only_evaluators_at_prod_become_active() -> None:
    active = ActiveEvaluators()

    for other in (change(LENGTH, kind="rule"), change(LENGTH, alias="dev"), change(LENGTH, alias="")):
        assert apply_change(active, other) is active
    assert set(apply_change(active, change(LENGTH)).by_name) == {"an-evaluator"}


def test_applying_a_change_twice_is_applying_it_once() -> None:
    once = apply_change(ActiveEvaluators(), change(LENGTH))
    twice = apply_change(once, change(LENGTH))

    assert {name: one.digest for name, one in once.by_name.items()} == {
        name: one.digest for name, one in twice.by_name.items()
    }
    assert len(twice.by_name) == 1


def test_moving_the_alias_replaces_the_version() -> None:
    active = apply_change(ActiveEvaluators(), change(LENGTH))
    active = apply_change(active, change({**LENGTH, "sample_rate": 1.0}, version="2", digest="sha256:" + "cd" * 32))

    assert [(one.version, one.spec.sample_rate) for one in active.by_name.values()] == [("2", 1.0)]


def test_an_unusable_definition_scores_nothing_and_leaves_the_others_alone() -> None:
    active = apply_change(ActiveEvaluators(), change(LENGTH, name="good"))
    active = apply_change(active, change(LENGTH, name="bad"))
    active = apply_change(active, change({"type": "judge"}, name="bad", version="2"))

    assert set(active.by_name) == {"good"}
    assert "bad@2: spec.type is 'judge'" in active.unusable["bad"]
    assert apply_change(active, change(LENGTH, name="bad", version="3")).unusable == {}
