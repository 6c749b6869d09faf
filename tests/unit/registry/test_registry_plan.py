"""Plan: immutability, free order, aliases; laws over any inventory first."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.registry.core.documents import Definition, definitions_from
from weir.registry.core.inventory import Inventory, StoredAsset
from weir.registry.core.plan import ALIAS_MOVED, CREATED, UNCHANGED, inventory_after, plan
from weir.registry.core.problems import CONFLICT, INVALID, Refused


def policy(version: str = "1", limit: int = 10, aliases: list[str] | None = None, name: str = "p") -> dict[str, Any]:
    spec = {"input_bytes_max": limit}
    return {"kind": "policy", "name": name, "version": version, "aliases": aliases or [], "spec": spec}


def chain(**spec: Any) -> dict[str, Any]:
    model = spec.get("model", "m@prod")
    nodes = [{"name": "a", "kind": "generation", "uses": f"model/{model}"}]
    body = {"model": model, "nodes": nodes, "edges": [], **spec}
    return {"kind": "chain", "name": "c", "version": "1", "spec": body}


MODEL = {
    "kind": "model",
    "name": "m",
    "version": "1",
    "aliases": ["prod"],
    "spec": {
        "task": "chat",
        "unary_model": "m",
        "stream_model": None,
        "input": "text_input",
        "card": {"description": "d", "kind": "k", "license": "l"},
    },
}


def definitions(*documents: object) -> tuple[Definition, ...]:
    return definitions_from(documents)


def refused(inventory: Inventory, *documents: object) -> Refused:
    with pytest.raises(Refused) as caught:
        plan(definitions(*documents), inventory)
    return caught.value


BATCHES = st.dictionaries(
    st.tuples(st.sampled_from("ab"), st.sampled_from("123")), st.integers(1, 5), min_size=1, max_size=6
)


@given(BATCHES)
def test_an_apply_repeated_changes_nothing(batch: dict[tuple[str, str], int]) -> None:
    made = definitions(*(policy(version, limit, name=name) for (name, version), limit in batch.items()))
    after = inventory_after(made, Inventory())

    assert {change.change for change in plan(made, Inventory())} == {CREATED}
    assert {change.change for change in plan(made, after)} == {UNCHANGED}


@given(st.permutations([MODEL, chain(policy="p@prod"), policy(aliases=["prod"])]))
def test_the_order_inside_a_batch_is_free(documents: list[dict[str, Any]]) -> None:
    changes = plan(definitions(*documents), Inventory())

    assert sorted(change.kind for change in changes if change.change == CREATED) == ["chain", "model", "policy"]
    assert [change.change for change in changes][:3] == [CREATED] * 3


@pytest.mark.capability("D5")
def test_a_changed_body_under_a_stored_version_is_a_conflict_that_names_both_digests() -> None:
    (stored,) = definitions(policy(limit=10))
    (other,) = definitions(policy(limit=11))
    error = refused(inventory_after([stored], Inventory()), policy(limit=11))

    assert error.reason == CONFLICT
    assert stored.digest in str(error)
    assert other.digest in str(error)
    assert "give the new body a new version" in str(error)


def test_one_bad_document_refuses_the_batch() -> None:
    error = refused(Inventory(), policy(), chain())

    assert error.reason == INVALID
    assert "names m@prod; there is no model 'm'" in str(error)


def test_a_reference_to_a_missing_alias_lists_what_there_is() -> None:
    inventory = Inventory({("model", "m"): StoredAsset({"1": "sha256:a", "2": "sha256:b"}, {"prod": "2"})})

    message = str(refused(inventory, chain(model="m@dev")))

    assert "names m@dev; versions of model 'm': 1, 2; aliases: prod" in message


@pytest.mark.parametrize(("key", "value"), [("prompt", "x@1"), ("datasets", ["x@1"]), ("policy", "x@1")])
def test_every_reference_of_a_chain_must_hold(key: str, value: object) -> None:
    assert f"spec.{key}" in str(refused(Inventory(), MODEL, chain(**{key: value})))


def test_a_node_that_uses_an_unknown_asset_is_refused() -> None:
    nodes = [
        {"name": "a", "kind": "retrieval", "uses": "dataset/d@prod"},
        {"name": "b", "kind": "generation", "uses": "model/m@prod"},
    ]

    assert "spec.nodes[0].uses: names d@prod; there is no dataset 'd'" in str(
        refused(Inventory(), MODEL, chain(nodes=nodes, edges=[["a", "b"]], datasets=["d@prod"]))
    )


def test_a_moved_alias_says_where_it_pointed() -> None:
    first, second = definitions(policy("1", 1, ["prod"]), policy("2", 2))
    moved = plan(definitions(policy("2", 2, ["prod"])), inventory_after([first, second], Inventory()))

    assert [change.change for change in moved] == [UNCHANGED, ALIAS_MOVED]
    assert (moved[1].alias, moved[1].previous_digest, moved[1].digest) == ("prod", first.digest, second.digest)


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([policy(), policy()], "'1' is defined in document 1 already"),
        ([policy("1", 1, ["prod"]), policy("2", 2, ["prod"])], "'prod' is moved in document 1 already"),
        ([policy("1", 1, ["1"])], "'1' is a version of this policy; choose another alias"),
        ([policy("1", 1, ["prod"]), policy("prod", 2)], "'prod' is a version of this policy; choose another alias"),
        ([policy("prod", 2), policy("1", 1, ["prod"])], "'prod' is an alias of this policy; choose another version"),
    ],
)
def test_a_batch_that_contradicts_itself_is_refused(documents: list[dict[str, Any]], message: str) -> None:
    assert message in str(refused(Inventory(), *documents))


def test_a_version_may_not_take_the_name_of_an_alias() -> None:
    inventory = Inventory({("policy", "p"): StoredAsset({"1": "sha256:a"}, {"prod": "1"})})

    assert "'prod' is an alias of this policy" in str(refused(inventory, policy("prod")))
