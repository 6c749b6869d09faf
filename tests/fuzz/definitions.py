"""Definitions: whatever the registry takes, every service that reads it can use; the rest is refused in words."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import yaml

from harness.samples.builders import envelope
from weir.access.keys import Caller
from weir.alerts.core.rule import rule_from
from weir.assets.strict_json import read_json
from weir.assets.strict_yaml import NotStrict, read_documents
from weir.evaluator.core.definition import evaluator_of
from weir.events import RegistryChanged
from weir.gateway.core.answer_bound import bounded
from weir.gateway.core.catalog import Catalog
from weir.registry.core.documents import Definition, definitions_from
from weir.registry.core.inventory import Inventory
from weir.registry.core.plan import plan
from weir.registry.core.problems import Refused

BASE: list[dict[str, Any]] = [
    {"kind": "model", "name": "m", "version": "1", "aliases": ["prod"], "spec": {
        "task": "chat", "unary_model": "m", "stream_model": None, "input": "text_input",
        "card": {"description": "d", "kind": "k", "license": "l", "limits": {"a": [1, 2.5, None, True]}}, "owner": "me"}},
    {"kind": "prompt", "name": "p", "version": "1", "aliases": ["prod"], "spec": {
        "template": "{{ history }} {{ question }}", "variables": ["history", "question"]}},
    {"kind": "dataset", "name": "d", "version": "1", "aliases": ["prod"], "spec": {
        "content_digest": "sha256:" + "0" * 64, "source": "s", "passages": 1, "evaluators": ["e"]}},
    {"kind": "policy", "name": "limits", "version": "1", "aliases": ["prod"], "spec": {
        "input_bytes_max": 100, "output_tokens_max": 10, "parameters_allowed": ["max_tokens", "seed"]}},
    {"kind": "chain", "name": "c", "version": "1", "aliases": ["prod"], "spec": {
        "model": "m@prod", "prompt": "p@prod", "policy": "limits@prod", "datasets": ["d@1"],
        "nodes": [{"name": "find", "kind": "retrieval", "uses": "dataset/d@1"},
                  {"name": "say", "kind": "generation", "uses": "model/m@prod"}],
        "edges": [["find", "say"]]}},
    {"kind": "evaluator", "name": "e", "version": "1", "aliases": ["prod"], "spec": {
        "type": "format", "routes": ["*"], "sample_rate": 0.5, "salt": "s", "threshold": 1.0,
        "parameters": {"sentences_max": 3, "contains": ["x"]}}},
    {"kind": "evaluator", "name": "f", "version": "1", "aliases": ["prod"], "spec": {
        "type": "pii", "routes": ["c*"], "sample_rate": 1, "salt": "s", "parameters": {"kinds": ["email"]}}},
    {"kind": "rule", "name": "r", "version": "1", "aliases": ["prod"], "spec": {
        "source": "evaluation-scores", "match": {"evaluator": "e", "route": ["c", "d"]},
        "condition": {"field": "score", "aggregate": "mean", "op": "<", "value": 0.5, "window_events": 50, "events_min": 5},
        "for_s": 60, "severity": "page", "group_by": ["tenant", "route"], "labels": {"team": "x"},
        "annotations": {"summary": "{value} of {route}"}, "receivers": ["demo"], "repeat_interval_s": 60,
        "inhibits": [{"target": {"severity": ["warn"]}, "equal": ["route"]}]}},
]  # fmt: skip
"""One right definition of each kind; cases are changes of these."""

ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2**63, -(2**63), 10**30, 0.5, -0.0, 1e308, float("nan"), float("inf"), "", " ", "x", "prod",
    "m@prod", "m@", "@", "a@b@c", "model/m@prod", "model/", "..", "*", "{", "}}", "{value}", "{x.__class__}", "{{ question }}",
    "{% if %}", "\x00", "\ud800", "\u2028", "\U0001f600", "e\u0301", "sha256:" + "f" * 64, "x" * 70_000, [], {}, [[]], [None],
    [""], ["x", "x"], [["say", "find"]], [["say", "say"]], {"": 1}, {"a": {"b": {}}}, "max_tokens", "retrieval", "tool", "1e9",
]  # fmt: skip
"""Values that are wrong somewhere, and right elsewhere."""

KEYS = (
    "description",
    "parameters",
    "uses",
    "condition",
    "labels",
    "threshold",
    "max_tokens",
    "__class__",
    "",
    "a.b",
    "x" * 200,
)
"""Keys that are put where they may not belong."""

DEEP = 60
"""Levels of a nesting no reader may follow."""


def run(seed: int, cases: int) -> None:
    """So many batches of definitions. Raises AssertionError, or whatever a reader raised that it may not."""
    dice = random.Random(seed)
    for _ in range(cases):
        batch = copy.deepcopy(BASE)
        for _ in range(dice.randint(0, 2)):
            _change(dice, batch)
        _through_the_door(json.dumps(batch).encode())
        _as_yaml(dice, batch)


def _through_the_door(body: bytes) -> None:
    """A batch as the registry's API reads it; what is accepted goes to every reader."""
    try:
        documents = read_json(body)
    except ValueError:
        return
    try:
        definitions = definitions_from(documents)
        plan(definitions, Inventory({}))
    except Refused:
        return
    _read_by_all(definitions)


def _read_by_all(definitions: tuple[Definition, ...]) -> None:
    catalog = Catalog()
    for number, one in enumerate(definitions):
        for change in _changes(one, number + 1):
            catalog.apply(change)
        if one.kind in READERS:
            READERS[one.kind](one.name, one.version, one.digest, one.body_json)
    for route in catalog.routes(ANYONE):
        if route.policy.output_tokens_max is not None:
            assert bounded(route.policy, {}) == {"max_tokens": route.policy.output_tokens_max}


ANYONE = Caller("fuzz", "fuzz", frozenset({"infer"}), ("*",))
"""A caller with every route."""

READERS: dict[str, Callable[[str, str, str, str], object]] = {
    "evaluator": evaluator_of,
    "rule": lambda name, _, digest, body: rule_from(name, digest, body),
}


def _changes(one: Definition, revision: int) -> list[RegistryChanged]:
    aliases = ["", *one.aliases]
    return [
        RegistryChanged(
            **envelope(f"{one.kind} {one.name} {alias}"), revision=revision * 10 + slot,
            change="alias_moved" if alias else "version_created", kind=one.kind, name=one.name, version=one.version,
            digest=one.digest, alias=alias, body_json=one.body_json, author="fuzz",
        )
        for slot, alias in enumerate(aliases)
    ]  # fmt: skip


def _as_yaml(dice: random.Random, batch: list[dict[str, Any]]) -> None:
    """The same as a file, with some bytes changed: read or refused, in no other way."""
    content = bytearray(yaml.safe_dump_all(batch, allow_unicode=False).encode("utf-8", "surrogatepass"))
    for _ in range(dice.randint(0, 4)):
        at = dice.randrange(len(content))
        content[at : at + dice.randint(0, 3)] = dice.choice(
            [b"&a ", b"*a", b"<<: ", b"!!x ", b"\n", b"\xff", b": ", b"- ", b"["]
        )
    try:
        documents = read_documents(bytes(content[:20_000]))
    except NotStrict:
        return
    try:
        definitions_from(documents)
    except Refused:
        return


def _change(dice: random.Random, batch: list[dict[str, Any]]) -> None:
    """Change, add or remove one value anywhere in a batch."""
    slot: Any = dice.choice(batch)
    while True:
        keys: list[Any] = list(slot) if isinstance(slot, dict) else list(range(len(slot)))
        if not keys:
            return
        key = dice.choice(keys)
        if isinstance(slot[key], dict | list) and slot[key] and dice.random() < 0.8:
            slot = slot[key]
            continue
        break
    kind = dice.random()
    if kind < 0.15:
        del slot[key]
    elif kind < 0.3 and isinstance(slot, dict):
        slot[dice.choice(KEYS)] = _odd(dice)
    elif kind < 0.4 and isinstance(slot, list):
        slot.append(copy.deepcopy(dice.choice(slot)))
    else:
        slot[key] = _odd(dice)


def _odd(dice: random.Random) -> Any:
    if dice.random() < 0.05:
        value: Any = "deep"
        for _ in range(DEEP):
            value = [value] if dice.random() < 0.5 else {"a": value}
        return value
    return copy.deepcopy(dice.choice(ODD))
