"""Definitions: every mistake is refused with its place, its value and what would be right."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from weir.assets.kinds import KINDS
from weir.cli.definitions import read_definitions
from weir.registry.core.documents import definitions_from
from weir.registry.core.inventory import Inventory
from weir.registry.core.plan import plan
from weir.registry.core.problems import Refused

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "registry"
DIGEST = "sha256:" + "ab" * 32

VALID: dict[str, dict[str, Any]] = {
    "prompt": {"template": "Say it.\nQuestion: {{ question }}", "variables": ["question"]},
    "model": {
        "task": "chat",
        "unary_model": "docs-qa",
        "stream_model": None,
        "input": "text_input",
        "card": {"description": "d", "kind": "k", "license": "l", "limits": "English"},
    },
    "dataset": {"content_digest": DIGEST, "source": "here", "passages": 3},
    "policy": {"input_bytes_max": 10, "parameters_allowed": ["seed"]},
    "chain": {
        "model": "m@prod",
        "nodes": [{"name": "a", "kind": "ranking"}, {"name": "b", "kind": "generation", "uses": "model/m@prod"}],
        "edges": [["a", "b"]],
    },
    "evaluator": {"type": "length", "routes": ["*"], "sample_rate": 0.5, "salt": "s"},
    "rule": {
        "source": "drift-signals",
        "match": {"level": "page"},
        "severity": "page",
        "group_by": ["route"],
        "annotations": {"summary": "{part} fired on {route}"},
        "receivers": ["demo"],
    },
}

SCORES_RULE = {
    **VALID["rule"],
    "source": "evaluation-scores",
    "match": {"evaluator": "e"},
    "annotations": {"summary": "{evaluator}: {value}"},
    "condition": {
        "field": "passed",
        "aggregate": "fail_rate",
        "op": ">",
        "value": 0.5,
        "window_events": 50,
        "events_min": 50,
    },
}


def document(kind: str, spec: object = None, **fields: Any) -> dict[str, Any]:
    plain = {"kind": kind, "name": "thing", "version": "1", "spec": VALID[kind] if spec is None else spec}
    return copy.deepcopy({**plain, **fields})


def changed(kind: str, path: str, value: object) -> dict[str, Any]:
    """A valid document of a kind with one value changed; value ... takes the key away."""
    whole = document(kind, SCORES_RULE if path.startswith("condition") else None)
    target = whole["spec"]
    *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    for key in parents:
        target = target[key]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return whole


def refusal(*documents: object) -> str:
    with pytest.raises(Refused) as caught:
        definitions_from(documents)
    return "\n".join(str(one) for one in caught.value.problems)


@pytest.mark.parametrize("kind", KINDS)
def test_a_valid_definition_of_each_kind_is_accepted(kind: str) -> None:
    (definition,) = definitions_from([document(kind)])

    assert (definition.kind, definition.name, definition.version) == (kind, "thing", "1")
    assert definition.digest.startswith("sha256:")


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_key_is_named_with_the_accepted_ones(kind: str) -> None:
    message = refusal(document("prompt"), document(kind, {**VALID[kind], "templat": "x"}))

    assert f"document 2 ({kind}/thing) spec: unknown key 'templat'; accepted keys: " in message


@pytest.mark.parametrize("kind", KINDS)
def test_every_required_key_is_missed(kind: str) -> None:
    missing = {key for key in VALID[kind] if f"lacks the key {key!r}" in refusal_or_empty(changed(kind, key, ...))}

    optional = {"parameters_allowed", "input_bytes_max", "unary_model", "stream_model"}
    assert missing == set(VALID[kind]) - optional


def refusal_or_empty(whole: object) -> str:
    try:
        definitions_from([whole])
    except Refused as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("whole", "message"),
    [
        ("text", "is 'text'; expected a mapping with the keys kind, name, version, aliases, spec"),
        (document("prompt", nmae="x"), "unknown key 'nmae'; accepted keys: aliases, kind, name, spec, version"),
        (document("prompt", name="a/b"), "is 'a/b'; expected 1 to 128 of A-Z a-z 0-9 . _ - without '..'"),
        (document("prompt", name="a..b"), "without '..'"),
        (document("prompt", name="x" * 129), "expected 1 to 128"),
        (document("prompt", version=1), "is 1; expected a text: put it in quotes"),
        (document("prompt", version=True), "is True; expected a text: put it in quotes"),
        (document("prompt", aliases=[1.5]), "aliases[0]: is 1.5; expected a text: put it in quotes"),
        (document("prompt", name=["a"]), "is ['a']; expected 1 to 128"),
        (document("prompt", aliases=["a b"]), "aliases[0]: is 'a b'"),
        (document("prompt", aliases="prod"), "is 'prod'; expected a list"),
        ({**document("prompt"), "kind": "promt"}, "is 'promt'; expected one of: prompt, chain, model"),
        (document("prompt", []), "expected a mapping with the keys template, variables"),
        (changed("prompt", "template", ""), "has 0 characters"),
        (changed("prompt", "template", "{{ question }} {% if x %}"), "only {{ variable }} is accepted"),
        (changed("prompt", "template", "{{ question.text }}"), "only {{ variable }} is accepted"),
        (changed("prompt", "template", "{{ question | upper }}"), "only {{ variable }} is accepted"),
        (changed("prompt", "template", "{# hidden #}{{ question }}"), "only {{ variable }} is accepted"),
        (
            changed("prompt", "template", "{{ other }}"),
            "uses the variable 'other' that spec.variables does not",
        ),
        (changed("prompt", "variables", ["question", "x"]), "declares 'x' that the template does not use"),
        (changed("prompt", "variables", ["question", "question"]), "declares 'question' more than once"),
        (changed("model", "task", "speech"), "is 'speech'; expected one of: chat, embeddings"),
        (changed("model", "unary_model", None), "names neither a unary_model nor a stream_model"),
        (changed("model", "card.license", ...), "spec.card: lacks the key 'license'"),
        (changed("model", "dimensions", 0), "expected a whole number from 1"),
        (changed("dataset", "content_digest", "md5:1"), "expected 'sha256:' and 64 lower-case hex digits"),
        (changed("dataset", "passages", "3"), "is '3'; expected a whole number"),
        (changed("dataset", "passages", True), "is True; expected a whole number"),
        (changed("policy", "input_bytes_max", -1), "is -1; expected a whole number"),
        (changed("policy", "input_bytes_max", 10**400), "expected a whole number"),
        (changed("chain", "model", "m"), "is 'm'; expected name@alias or name@version"),
        (changed("chain", "model", "m@"), "expected name@alias"),
        (changed("chain", "nodes", []), "has 0 items"),
        (changed("chain", "nodes", [{"name": "a", "kind": "x"}] * 2), "spec.nodes[1].name: repeats 'a'"),
        (changed("chain", "nodes", [{"name": "a", "kind": "x", "uses": "m@1"}]), "expected kind/name@alias"),
        (changed("chain", "edges", [["a", "z"]]), "names the unknown node 'z'; nodes: a, b"),
        (changed("chain", "edges", [["a", "b", "a"]]), "expected two node names"),
        (changed("chain", "edges", [["a", "b"], ["b", "a"]]), "go in a circle"),
        (changed("chain", "parameters", {"passages_max": 4}), "unknown key 'parameters'"),
        (changed("chain", "edges", []), "spec.nodes[0]: 'a' does not lead to the answer of 'b'"),
        (changed("chain", "edges", [["b", "a"]]), "'a' does not lead to the answer of 'b'"),
        (changed("chain", "model", "n@prod"), "names model/m@prod, but what runs is model/n@prod (spec.model)"),
        (changed("chain", "nodes.0.kind", "tool"), "spec.nodes[0].kind: is 'tool', which nothing here runs"),
        (changed("chain", "nodes.0.uses", "dataset/d@1"), "names dataset/d@1, which spec.datasets does not"),
        (changed("chain", "nodes.0.uses", "prompt/p@1"), "names prompt/p@1, but what runs is no prompt (spec.prompt)"),
        (changed("chain", "nodes.0.uses", "model/n@1"), "names model/n@1, but what runs is model/m@prod (spec.model)"),
        (changed("chain", "nodes.0.uses", "rule/r@1"), "a chain runs a model, a prompt, a policy and datasets alone"),
        (changed("chain", "nodes.1.uses", ...), "a node of kind generation names what it calls, here model/m@prod"),
        (
            changed("chain", "nodes.0", {"name": "a", "kind": "extraction", "uses": "model/m@prod"}),
            "call the model 2 times (a, b); the gateway calls it once",
        ),
        (changed("model", "embedding_model", "minilm"), "unknown key 'embedding_model'"),
        (changed("policy", "parameters_allowed", ["max_tokns"]), "is 'max_tokns'; expected one of: max_tokens"),
        (changed("rule", "labels", {"severity": "x"}), "spec.labels.severity: is set by the alert itself"),
        (changed("rule", "group_by", ["rout"]), "names the label 'rout', which its alerts do not have"),
        (changed("evaluator", "type", "format"), "format has no check"),
        (changed("evaluator", "parameters", {"words_mn": 1}), "words_mn"),
        (changed("prompt", "description", "a\x00"), "zero character"),
        (changed("prompt", "description", "\ud800"), "half of a surrogate pair"),
        (changed("model", "card.limits", {"\ud800": 1}), "half of a surrogate pair"),
        (changed("model", "card.limits", 2**63), "expected a whole number of 64 bits at most"),
        (changed("model", "card.limits", {"x": float("nan")}), "expected a finite number"),
        (changed("model", "card.limits", {"x": object}), "expected text, a number, true, false, null"),
        (changed("evaluator", "type", "vibes"), "is 'vibes'; expected one of: support_coverage"),
        (changed("evaluator", "sample_rate", 1.5), "is 1.5; expected a number from 0 to 1"),
        (changed("evaluator", "sample_rate", float("nan")), "expected a number from 0 to 1"),
        (changed("rule", "source", "spans"), "expected one of: drift-signals, evaluation-scores"),
        (changed("rule", "match", {"lvl": "page"}), "names the unknown field 'lvl'; fields of drift-signals: "),
        (changed("rule", "match", {"level": {}}), "expected a value or a list of values"),
        (changed("rule", "annotations", {"summary": "{nothing}"}), "has the placeholder {nothing}; accepted: "),
        (changed("rule", "annotations", {"summary": "{part!r}"}), "without a format"),
        (changed("rule", "annotations", {"summary": "{part"}), "whose braces cannot be read"),
        (changed("rule", "annotations", {"details": "x"}), "lacks the key 'summary'"),
        (changed("rule", "for_s", -1), "expected a number from 0"),
        (changed("rule", "group_wait_s", -1), "expected a number from 0"),
        (changed("rule", "group_interval_s", 1e9), "expected a number from 0 to 86400"),
        (changed("rule", "repeat_interval_s", 0), "expected a number from 1"),
        (changed("rule", "inhibits", [{"target": {}, "equal": []}]), "spec.inhibits[0].target: is empty"),
        (changed("rule", "inhibits", [{"target": {"severity": "warn"}}]), "lacks the key 'equal'"),
        (changed("rule", "inhibits", [{"target": {"a": 1}, "equal": []}] * 21), "at most 20"),
        (document("rule", {**SCORES_RULE, "condition": None}), "expected a mapping with the keys field, aggregate"),
        (document("rule", 3), "expected a mapping"),
    ],
)
def test_a_mistake_is_refused_with_what_would_be_right(whole: object, message: str) -> None:
    assert message in refusal(whole)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("field", "statistic", "which events of evaluation-scores do not have"),
        ("field", "score", "is 'fail_rate' of 'score'; fail_rate goes with passed"),
        ("aggregate", "mean", "is 'mean' of 'passed'"),
        ("op", "=", "is '='; expected one of: <, <=, >, >="),
        ("window_events", 0, "expected a whole number from 1"),
        ("events_min", 51, "is 51, above window_events"),
    ],
)
def test_a_condition_that_cannot_hold_is_refused(field: str, value: object, message: str) -> None:
    assert message in refusal(
        document("rule", {**SCORES_RULE, "condition": {**SCORES_RULE["condition"], field: value}})
    )


def test_a_rule_over_scores_needs_a_condition() -> None:
    spec = {key: value for key, value in SCORES_RULE.items() if key != "condition"}

    assert "needs one" in refusal(document("rule", spec))


def test_every_problem_of_every_document_is_listed_at_once() -> None:
    message = refusal(document("prompt", {}), document("prompt"), document("dataset", {"source": ""}))

    assert "document 1 (prompt/thing) spec: lacks the key 'template'" in message
    assert "document 3 (dataset/thing) spec.source: has 0 characters" in message
    assert "document 2" not in message


def test_data_nested_too_deep_is_refused() -> None:
    deep: object = 1
    for _ in range(50):
        deep = [deep]

    assert "nested more than 16 levels deep" in refusal(changed("model", "card.limits", {"x": deep}))


def test_the_example_registry_is_valid_and_its_references_hold() -> None:
    found = read_definitions([EXAMPLES], {"corpus_digest": DIGEST, "corpus_passages": "7"})

    changes = plan(definitions_from([one.value for one in found]), Inventory())

    assert {change.kind for change in changes} >= {"prompt", "chain", "model", "dataset", "policy", "rule"}
