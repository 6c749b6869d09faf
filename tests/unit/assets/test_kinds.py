"""Assets: each kind is one type, that is read, written and read back; what was published before is read for ever."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.assets.checks import NAME
from weir.assets.kinds import KINDS
from weir.assets.references import AssetReference
from weir.assets.sampling import ALIASES, KNOWN
from weir.assets.shapes import InvalidAsset, parse, record, restore
from weir.events import canonical_json

NAMES = st.from_regex(NAME, fullmatch=True).filter(lambda text: ".." not in text)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=20)
REFERENCES = st.builds("{}@{}".format, NAMES, NAMES)
NUMBERS = st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
VALUES = TEXTS | NUMBERS | st.lists(TEXTS | NUMBERS, max_size=2)
DESCRIPTION = {"description": TEXTS}


def spec(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional | DESCRIPTION)


def chain(pinned: dict[str, Any], inner: list[str]) -> dict[str, Any]:
    """A chain of steps, one after the other, that ends at its model."""
    uses = f"dataset/{pinned['datasets'][0]}" if pinned.get("datasets") else None
    steps = [{"name": f"step-{name}", "kind": "retrieval", **({"uses": uses} if uses else {})} for name in inner]
    nodes = [*steps, {"name": "say", "kind": "generation", "uses": f"model/{pinned['model']}"}]
    edges = [[one["name"], two["name"]] for one, two in zip(nodes, nodes[1:], strict=False)]
    return {**pinned, "nodes": nodes, "edges": edges}


SHORT_NAMES = st.from_regex(re.compile(r"[a-z0-9]{1,20}"), fullmatch=True)
ENDPOINTS = st.tuples(NAMES, st.none()) | st.tuples(st.none(), NAMES) | st.tuples(NAMES, NAMES)
SECONDS = st.integers(1, 86_400) | st.floats(1, 86_400)
CARDS = st.fixed_dictionaries({"description": TEXTS, "kind": TEXTS, "license": TEXTS}, optional={"limits": JSON})

SPECS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "prompt": spec({"variables": st.lists(st.sampled_from("abc"), unique=True)}, {}).map(
        lambda one: {**one, "template": "Say it. " + " ".join(f"{{{{ {name} }}}}" for name in one["variables"])}
    ),
    "chain": st.builds(
        chain,
        spec({"model": REFERENCES}, {"prompt": REFERENCES, "policy": REFERENCES, "datasets": st.lists(REFERENCES, max_size=2)}),
        st.lists(SHORT_NAMES, unique=True, max_size=3),
    ),
    "model": st.builds(
        lambda one, names: {**one, "unary_model": names[0], "stream_model": names[1]},
        spec(
            {"task": st.sampled_from(["chat", "embeddings"]), "input": st.sampled_from(["text", "text_input"]), "card": CARDS},
            {"dimensions": st.integers(1, 4_096), "owner": TEXTS},
        ).map(lambda one: {key: value for key, value in one.items() if key != "description"}),
        ENDPOINTS,
    ),
    "dataset": spec(
        {"content_digest": st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True), "source": TEXTS, "passages": st.integers(0, 9)},
        {"evaluators": st.lists(NAMES, max_size=2)},
    ),
    "policy": spec(
        {},
        {"input_bytes_max": st.integers(1, 10**6), "output_tokens_max": st.integers(1, 10**6),
         "parameters_allowed": st.lists(st.sampled_from([*KNOWN, *ALIASES]))},
    ),
    "evaluator": spec(
        {"type": st.sampled_from(["length", "pii"]), "routes": st.lists(TEXTS, min_size=1), "salt": TEXTS,
         "sample_rate": st.floats(0, 1) | st.just(1)},
        {"threshold": st.floats(0, 1), "parameters": st.just({})},
    ),
    "rule": spec(
        {"source": st.just("evaluation-scores"), "match": st.dictionaries(st.sampled_from(["route", "evaluator"]), VALUES),
         "severity": st.sampled_from(["page", "warn", "info"]), "group_by": st.lists(st.sampled_from(["route", "tenant"])),
         "annotations": st.just({"summary": "{value} of {route}"}), "receivers": st.lists(NAMES, max_size=2),
         "condition": st.fixed_dictionaries(
             {"field": st.sampled_from(["score", "passed"]), "aggregate": st.just("count"), "op": st.just("<"), "value": NUMBERS,
              "window_events": st.integers(1, 1_000), "events_min": st.just(1)})},
        {"for_s": SECONDS, "group_wait_s": SECONDS, "repeat_interval_s": SECONDS,
         "labels": st.dictionaries(st.sampled_from(["team", "area"]), TEXTS),
         "inhibits": st.lists(st.builds(lambda value: {"target": {"severity": value}, "equal": ["route"]}, VALUES), max_size=2)},
    ),
}  # fmt: skip
"""Right specifications by kind."""


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_what_is_written_is_read_back_and_nothing_is_lost(kind: str, data: st.DataObject) -> None:
    written = data.draw(SPECS[kind])
    asset = parse(KINDS[kind], written)

    assert parse(KINDS[kind], json.loads(canonical_json(record(asset)))) == asset
    assert restore(KINDS[kind], canonical_json(record(asset))) == asset
    assert canonical_json(record(asset)) == canonical_json(written)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_key_that_nothing_reads_is_refused_today_and_passed_over_in_a_body_of_before(
    kind: str, data: st.DataObject
) -> None:
    written = data.draw(SPECS[kind])
    more = {**written, "nothing_reads_it": 1}

    with pytest.raises(InvalidAsset, match="unknown key 'nothing_reads_it'; accepted keys: "):
        parse(KINDS[kind], more)
    assert restore(KINDS[kind], json.dumps(more)) == parse(KINDS[kind], written)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_whatever_is_in_a_body_it_is_an_asset_or_invalid(kind: str, data: st.DataObject) -> None:
    written = data.draw(SPECS[kind])
    key = data.draw(st.sampled_from([*sorted(written), "x"]))
    odd = {**written, key: data.draw(JSON | st.just(""))}

    with contextlib.suppress(InvalidAsset):
        assert isinstance(restore(KINDS[kind], json.dumps(odd)), KINDS[kind])
    with contextlib.suppress(InvalidAsset):
        assert isinstance(parse(KINDS[kind], odd), KINDS[kind])


@pytest.mark.parametrize("body", ["", "{", "[]", "1", "null", '"text"', "[" * 100_000])
def test_a_body_that_is_no_object_is_invalid(body: str) -> None:
    with pytest.raises(InvalidAsset, match="spec is"):
        restore(KINDS["prompt"], body)


OLD: dict[str, tuple[str, dict[str, Any]]] = {
    "model": ("embedding_model", {"task": "chat", "unary_model": "m", "input": "text_input", "card": {}}),
    "policy": ("", {"parameters_allowed": ["max_tokns"]}),
    "chain": ("parameters", {"model": "m@prod", "nodes": [{"name": "a", "kind": "tool"}], "edges": [["a", "z"]]}),
    "prompt": ("", {"template": "{{ a }} {% b %}"}),
    "dataset": ("", {"content_digest": "md5:1"}),
}


@pytest.mark.parametrize("kind", OLD)
def test_a_body_that_the_door_would_refuse_today_is_still_read(kind: str) -> None:
    key, body = OLD[kind]
    body = {**body, key: {"x": 1}} if key else body

    with pytest.raises(InvalidAsset):
        parse(KINDS[kind], body)
    assert isinstance(restore(KINDS[kind], json.dumps(body)), KINDS[kind])


@given(NAMES, NAMES, st.none() | SHORT_NAMES)
def test_a_reference_is_its_text(name: str, selector: str, kind: str | None) -> None:
    text = f"{kind}/{name}@{selector}" if kind else f"{name}@{selector}"

    assert str(AssetReference.from_text(text)) == text
    assert AssetReference.named(name) == AssetReference(name, "prod")


def test_a_kind_has_its_own_file() -> None:
    assert {kind: one.__module__ for kind, one in KINDS.items()} == {kind: f"weir.assets.{kind}" for kind in KINDS}
