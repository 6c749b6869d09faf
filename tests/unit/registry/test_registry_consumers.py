"""Every field that the registry accepts has a consumer: the module that reads it is named here, and does."""

from __future__ import annotations

from pathlib import Path

import pytest

import weir
from weir.assets import evaluator_spec
from weir.registry.core import documents, rule_spec, specs
from weir.registry.core.checks import Shape

SHOWN = "registry/api/assets.py"
"""For people: `weir asset show`, `diff` and the history give it back as it was written; it says nothing about what runs."""

CONSUMERS = {
    "document": dict.fromkeys(("kind", "name", "version", "aliases", "spec"), "registry/core/documents.py"),
    "prompt": {
        "template": "gateway/api/openai/routes.py",
        "variables": "registry/core/template.py",
        "description": SHOWN,
    },
    "model": {
        "task": "gateway/core/catalog.py",
        "unary_model": "gateway/core/catalog.py",
        "stream_model": "gateway/core/catalog.py",
        "input": "gateway/core/catalog.py",
        "card": "gateway/core/catalog.py",
        "dimensions": "gateway/core/catalog.py",
        "owner": SHOWN,
    },
    "model.card": dict.fromkeys(("description", "kind", "license"), SHOWN),
    "dataset": {
        "content_digest": "evaluator/core/anchors.py",
        "evaluators": "evaluator/core/anchors.py",
        "source": SHOWN,
        "passages": SHOWN,
        "description": SHOWN,
    },
    "policy": {
        "input_bytes_max": "gateway/core/policy.py",
        "output_tokens_max": "gateway/core/policy.py",
        "parameters_allowed": "gateway/core/policy.py",
        "description": SHOWN,
    },
    "chain": {
        "model": "gateway/core/catalog.py",
        "prompt": "gateway/core/catalog.py",
        "datasets": "gateway/core/catalog.py",
        "policy": "gateway/core/catalog.py",
        "nodes": "assets/chain_spec.py",
        "edges": "registry/core/graph.py",
        "description": SHOWN,
    },
    "chain.nodes": {
        "name": "registry/core/graph.py",
        "kind": "assets/chain_spec.py",
        "uses": "assets/chain_spec.py",
    },
    "evaluator": {
        **dict.fromkeys(
            ("type", "routes", "sample_rate", "salt", "threshold", "parameters"), "assets/evaluator_spec.py"
        ),
        "description": SHOWN,
    },
    "rule": {
        **dict.fromkeys(
            (
                "source",
                "match",
                "condition",
                "for_s",
                "severity",
                "group_by",
                "labels",
                "annotations",
                "receivers",
                "group_wait_s",
                "group_interval_s",
                "repeat_interval_s",
                "inhibits",
            ),
            "alerts/core/rule.py",
        ),
        "description": SHOWN,
    },
    "rule.inhibits": dict.fromkeys(("target", "equal"), "alerts/core/rule.py"),
    "rule.condition": dict.fromkeys(
        ("field", "aggregate", "op", "value", "window_events", "events_min"), "alerts/core/rule.py"
    ),
}
"""Shape -> key -> the module under services/weir that reads it. Nodes and edges of a chain are read by what refuses a graph that
says anything else than what runs."""

SHAPES = {
    "document": documents.DOCUMENT,
    **specs.SHAPES,
    "model.card": specs.CARD,
    "chain.nodes": specs.NODE,
    "rule.condition": rule_spec.CONDITION,
    "rule.inhibits": rule_spec.INHIBIT,
}


def test_every_accepted_key_has_a_consumer_and_no_other_is_listed() -> None:
    accepted = {name: set(shape.keys) for name, shape in SHAPES.items() if isinstance(shape, Shape)}

    assert {name: set(keys) for name, keys in CONSUMERS.items()} == accepted


def test_no_shape_is_left_out_of_the_walk() -> None:
    made = [
        value for module in (documents, specs, rule_spec) for value in vars(module).values() if isinstance(value, Shape)
    ]

    assert all(any(shape is known for known in SHAPES.values()) for shape in made)


@pytest.mark.parametrize(("shape", "key"), [(shape, key) for shape, keys in CONSUMERS.items() for key in keys])
def test_the_consumer_reads_the_key(shape: str, key: str) -> None:
    """By its source: the key's name stands there as a text or as a field. For what is shown, that whole specs are shown."""
    module = CONSUMERS[shape][key]
    source = (Path(weir.__file__).parent / module).read_text()

    assert (
        f'"{key}"' in source
        or f".{key}" in source
        or f"{key}:" in source
        or (module == SHOWN and '"spec": spec' in source)
    )


def test_every_parameter_of_an_evaluator_is_read_by_the_evaluator() -> None:
    """The evaluator is given nothing but what these readers return, and refuses what they leave."""
    folder = Path(weir.__file__).parent / "evaluator" / "core" / "evaluators"
    sources = "".join(path.read_text() for path in folder.glob("*.py"))

    readers = {reader.__name__ for reader in evaluator_spec.READERS.values()} - {"_nothing"}
    assert all(f"{reader}(parameters)" in sources for reader in readers)
