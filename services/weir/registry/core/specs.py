"""Specs: the accepted shape of a definition of each kind, and the sense its parts must make together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from weir.assets.evaluator_spec import READERS as EVALUATOR_TYPES
from weir.assets.evaluator_spec import read_evaluator
from weir.assets.parameters import InvalidDefinition
from weir.assets.sampling import ALIASES, KNOWN
from weir.registry.core.checks import (
    Check,
    Finding,
    Key,
    data,
    digest,
    list_of,
    mapping_of,
    name,
    nullable,
    number,
    one_of,
    shape,
    text,
)
from weir.registry.core.graph import graph_findings
from weir.registry.core.references import kind_reference, reference
from weir.registry.core.rule_spec import RULE, rule_findings
from weir.registry.core.template import template_findings

BYTES_MAX = 1 << 40
TOKENS_MAX = 10_000_000
"""Bounds that only refuse nonsense: a terabyte, and ten times the longest context sold today."""

PROMPT = shape(
    {
        "template": Key(text, is_required=True),
        "variables": Key(list_of(text), is_required=True),
        "description": Key(text),
    }
)

CARD = shape(
    {
        "description": Key(text, is_required=True),
        "kind": Key(text, is_required=True),
        "license": Key(text, is_required=True),
    },
    others=data,
)

MODEL = shape(
    {
        "task": Key(one_of("chat", "embeddings"), is_required=True),
        "unary_model": Key(nullable(name), is_required=True),
        "stream_model": Key(nullable(name), is_required=True),
        "input": Key(one_of("text_input", "text"), is_required=True),
        "dimensions": Key(number(1, 1_000_000, whole=True)),
        "card": Key(CARD, is_required=True),
        "owner": Key(text),
    }
)

DATASET = shape(
    {
        "content_digest": Key(digest, is_required=True),
        "source": Key(text, is_required=True),
        "passages": Key(number(0, BYTES_MAX, whole=True), is_required=True),
        "evaluators": Key(list_of(name)),
        "description": Key(text),
    }
)

POLICY = shape(
    {
        "input_bytes_max": Key(number(1, BYTES_MAX, whole=True)),
        "output_tokens_max": Key(number(1, TOKENS_MAX, whole=True)),
        "parameters_allowed": Key(list_of(one_of(*KNOWN, *ALIASES))),
        "description": Key(text),
    }
)

NODE = shape({"name": Key(name, is_required=True), "kind": Key(name, is_required=True), "uses": Key(kind_reference)})

CHAIN = shape(
    {
        "model": Key(reference, is_required=True),
        "prompt": Key(reference),
        "datasets": Key(list_of(reference)),
        "policy": Key(reference),
        "nodes": Key(list_of(NODE, items_min=1), is_required=True),
        "edges": Key(list_of(list_of(name, items_min=2)), is_required=True),
        "description": Key(text),
    }
)

EVALUATOR = shape(
    {
        "type": Key(one_of(*EVALUATOR_TYPES), is_required=True),
        "routes": Key(list_of(text, items_min=1), is_required=True),
        "sample_rate": Key(number(0, 1), is_required=True),
        "salt": Key(text, is_required=True),
        "threshold": Key(number(-1e9, 1e9)),
        "parameters": Key(mapping_of(data)),
        "description": Key(text),
    }
)

SHAPES: Mapping[str, Check] = {
    "prompt": PROMPT,
    "chain": CHAIN,
    "model": MODEL,
    "dataset": DATASET,
    "policy": POLICY,
    "evaluator": EVALUATOR,
    "rule": RULE,
}
"""Shape of the specification by kind."""


def spec_findings(kind: str, spec: object) -> Iterator[Finding]:
    """What is wrong with the specification of a known kind; the sense is judged only once the shape is right."""
    found = list(SHAPES[kind](spec, "spec"))
    yield from found
    if not found and kind in SENSE and isinstance(spec, dict):
        yield from SENSE[kind](spec)


def model_findings(spec: Mapping[str, Any]) -> Iterator[Finding]:
    """A model must be reachable in at least one way."""
    if spec["unary_model"] is None and spec["stream_model"] is None:
        yield "spec", "names neither a unary_model nor a stream_model; at least one must name a model of the server"


def evaluator_findings(spec: Mapping[str, Any]) -> Iterator[Finding]:
    """What the evaluator could not run, by its own reader."""
    try:
        read_evaluator(spec)
    except InvalidDefinition as error:
        yield "spec", str(error)


SENSE: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Finding]]] = {
    "prompt": template_findings,
    "chain": graph_findings,
    "model": model_findings,
    "evaluator": evaluator_findings,
    "rule": rule_findings,
}
