"""Every field that the registry accepts has a consumer: the module that reads it is named here, and does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

import weir
from weir.assets.call_condition import CallCondition
from weir.assets.chain import Node
from weir.assets.endpoint import Endpoint
from weir.assets.evaluator import TYPES
from weir.assets.kinds import KINDS
from weir.assets.model import CARD_KEYS
from weir.assets.references import AssetReference
from weir.assets.rule import Condition, Inhibit
from weir.registry.core.documents import Document

SHOWN = "registry/api/assets.py"
"""For people: `weir asset show`, `diff` and the history give it back as it was written; it says nothing about what runs."""

CONSUMERS = {
    "document": dict.fromkeys(("kind", "name", "version", "aliases", "spec"), "registry/core/documents.py"),
    "prompt": {
        "template": "gateway/core/catalog.py",
        "variables": "assets/prompt.py",
        "description": SHOWN,
    },
    "model": {
        "task": "gateway/api/openai/routes.py",
        "unary_model": "gateway/api/openai/routes.py",
        "stream_model": "gateway/api/openai/routes.py",
        "input": "assets/model.py",
        "endpoint": "gateway/api/openai/passing.py",
        "card": "gateway/api/openai/replies.py",
        "dimensions": "gateway/core/upstream_request.py",
        "owner": SHOWN,
    },
    "model.endpoint": {
        "base_url": "gateway/api/openai/passing.py",
        **dict.fromkeys(("model", "extra_fields", "lacks"), "gateway/core/passed_request.py"),
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
        "nodes": "assets/chain.py",
        "edges": "assets/chain.py",
        "description": SHOWN,
    },
    "chain.nodes": {
        "name": "assets/chain.py",
        "kind": "assets/chain.py",
        "uses": "assets/chain.py",
    },
    "evaluator": {
        **dict.fromkeys(("type", "routes"), "evaluator/core/definition.py"),
        **dict.fromkeys(("sample_rate", "salt"), "evaluator/core/step.py"),
        "threshold": "evaluator/core/scored.py",
        "parameters": "assets/evaluator.py",
        "description": SHOWN,
    },
    "rule": {
        **dict.fromkeys(
            (
                "source",
                "match",
                "condition",
                "calls",
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
    "rule.condition": {
        **dict.fromkeys(("field", "aggregate", "value", "window_events", "events_min"), "alerts/core/state.py"),
        "op": "assets/rule.py",
    },
    "rule.calls": {
        **dict.fromkeys(("measure", "value", "calls_min"), "alerts/core/calls/explanation.py"),
        "op": "assets/call_condition.py",
        **dict.fromkeys(("objective", "short_window_s", "window_s"), "alerts/core/calls/reading.py"),
        "by": "alerts/core/calls/sample.py",
    },
}
"""Shape -> key -> the module under services/weir that reads it. Nodes and edges of a chain are read by what refuses a graph that
says anything else than what runs."""

SHAPES: dict[str, Any] = {
    "document": Document,
    **KINDS,
    "chain.nodes": Node,
    "model.endpoint": Endpoint,
    "rule.calls": CallCondition,
    "rule.condition": Condition,
    "rule.inhibits": Inhibit,
}


def test_every_accepted_key_has_a_consumer_and_no_other_is_listed() -> None:
    accepted = {name: {field.name for field in fields(shape)} for name, shape in SHAPES.items()}

    assert {name: set(keys) for name, keys in CONSUMERS.items()} == accepted | {"model.card": set(CARD_KEYS)}


def test_no_shape_is_left_out_of_the_walk() -> None:
    def within(hint: Any) -> Iterator[Any]:
        if is_dataclass(hint) and hint is not AssetReference:
            yield hint
            for inner in get_type_hints(hint).values():
                yield from within(inner)
        for argument in get_args(hint):
            yield from within(argument)

    assert {shape for kind in KINDS.values() for shape in within(kind)} == set(SHAPES.values()) - {Document}


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
    """The evaluator is given nothing but the parameters of its type, and a key that is none of them is refused."""
    folder = Path(weir.__file__).parent / "evaluator" / "core" / "evaluators"
    sources = "".join(path.read_text() for path in folder.glob("*.py"))

    assert all(f"parameters: {type_.__name__}" in sources for type_ in TYPES.values() if get_type_hints(type_))
