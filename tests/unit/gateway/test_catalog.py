"""The catalog: a fold over the registry's changes, and what a route means."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.kafka.registry_log import numbered, rereadings
from harness.samples.builders import NOON_US, envelope
from weir.access.keys import Caller
from weir.access.refusals import Refusal
from weir.events import RegistryChanged, digest_of
from weir.gateway.adapters.catalog_file import catalog_content, load_catalog, save_catalog
from weir.gateway.core.catalog import Catalog
from weir.gateway.core.conversation import rendered

MODEL = {"task": "chat", "unary_model": "qa", "stream_model": "qa-stream", "input": "text_input", "card": {}}
CHAIN = {
    "model": "qa@prod",
    "prompt": "ask@prod",
    "datasets": ["docs@1"],
    "policy": "limits@prod",
    "nodes": [],
    "edges": [],
}

ANYONE = Caller("acme", "all", frozenset({"infer"}), ("*",))
"""A caller with every route."""


def change(kind: str, name: str, version: str, spec: dict[str, Any], alias: str = "") -> RegistryChanged:
    return RegistryChanged(
        **envelope(f"{kind} {name} {version} {alias}"), revision=1, change="alias_moved" if alias else "version_created",
        kind=kind, name=name, version=version, digest=digest_of(spec), alias=alias, body_json=json.dumps(spec), author="me",
    )  # fmt: skip


def changes() -> list[RegistryChanged]:
    assets: list[tuple[str, str, dict[str, Any]]] = [
        ("model", "qa", MODEL), ("chain", "qa", CHAIN), ("prompt", "ask", {"template": "Q: {{ question }}"}),
        ("dataset", "docs", {"content_digest": "x"}), ("policy", "limits", {"input_bytes_max": 100}),
    ]  # fmt: skip
    return [
        event
        for kind, name, spec in assets
        for event in (change(kind, name, "1", spec), change(kind, name, "1", spec, "prod"))
    ]


def catalog(events: list[RegistryChanged]) -> Catalog:
    made = Catalog()
    for event in events:
        made.apply(event)
    return made


def test_applying_everything_twice_changes_nothing() -> None:
    once, twice = catalog(changes()), catalog(changes() * 2)

    assert once.resolve("qa", ANYONE) == twice.resolve("qa", ANYONE)


MOVES = [
    change("model", name, version, {"unary_model": version}, alias)
    for version in ("1", "2", "3", "1")
    for name in ("qa", "other")
    for alias in ("", "prod")
]
LOG = [*numbered(MOVES, NOON_US), *numbered(MOVES[:6], NOON_US + 1)]
"""Two lives of the registry's database: the second counts its changes from 1 again."""


@given(reading=rereadings(LOG))
def test_the_log_read_in_any_order_and_twice_makes_the_same_catalog(reading: list[RegistryChanged]) -> None:
    expected = catalog(LOG)
    found = catalog(reading)

    assert (found.aliases, found.versions) == (expected.aliases, expected.versions)


@given(cut=st.integers(0, len(LOG)))
def test_reading_the_log_again_after_a_restart_never_moves_prod_back(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    file = tmp_path_factory.mktemp("catalog") / "catalog.json"
    save_catalog(file, catalog_content(catalog(LOG)))
    restarted = load_catalog(file)

    for event in LOG[:cut]:
        restarted.apply(event)
        assert restarted.aliases == catalog(LOG).aliases


def test_a_registry_made_anew_is_followed_although_it_counts_from_1() -> None:
    moved = numbered([change("model", "qa", "9", MODEL), change("model", "qa", "9", MODEL, "prod")], NOON_US + 2)

    known = catalog(LOG)
    changes_before, revision_before = known.changes, known.revision
    for event in moved:
        known.apply(event)

    assert known.aliases["model", "qa", "prod"] == "9"
    assert known.revision == revision_before
    assert known.changes == changes_before + 2, "the snapshot is saved again"


@pytest.mark.capability("D1")
@pytest.mark.capability("D6")
def test_a_route_pins_every_part_by_digest_and_any_change_is_another_release() -> None:
    before = catalog(changes()).resolve("qa", ANYONE)
    moved = [change("prompt", "ask", "2", {"template": "?"}), change("prompt", "ask", "2", {"template": "?"}, "prod")]
    after = catalog([*changes(), *moved]).resolve("qa", ANYONE)

    assert {reference.kind for reference in before.references} == {"chain", "model", "prompt", "dataset", "policy"}
    assert before.release != after.release


@pytest.mark.parametrize("name", ["qa", "qa-stream"])
def test_the_server_names_of_a_model_lead_to_its_chain(name: str) -> None:
    assert catalog(changes()).resolve(name, ANYONE).route == "qa"


def test_a_chain_that_runs_another_model_does_not_take_the_server_names_of_the_model_it_is_named_after() -> None:
    other = {**MODEL, "unary_model": "qa-2", "stream_model": "qa-2-stream"}
    moved = [change("model", "qa-v2", "1", other), change("model", "qa-v2", "1", other, "prod")]
    chain = {**CHAIN, "model": "qa-v2@prod"}
    known = catalog([*changes(), *moved, change("chain", "qa", "2", chain), change("chain", "qa", "2", chain, "prod")])

    assert known.resolve("qa", ANYONE).model.unary_model == "qa-2"
    assert known.resolve("qa-2-stream", ANYONE).model.unary_model == "qa-2"
    assert known.resolve("qa-stream", ANYONE).model.stream_model == "qa-stream"


def test_an_unknown_route_is_named_with_those_there_are() -> None:
    with pytest.raises(Refusal, match="'nothing'; there are: qa"):
        catalog(changes()).resolve("nothing", ANYONE)


@pytest.mark.parametrize(("reference", "word"), [("other@prod", "other"), ("ask@nowhere", "nowhere"), ("ask@9", "'9'")])
def test_an_unknown_prompt_or_alias_is_named(reference: str, word: str) -> None:
    with pytest.raises(Refusal, match=word):
        catalog(changes()).prompt(reference, ANYONE)


def test_a_saved_catalog_resolves_as_before(tmp_path: Path) -> None:
    made = catalog(changes())
    save_catalog(tmp_path / "catalog.json", catalog_content(made))

    assert load_catalog(tmp_path / "catalog.json").resolve("qa", ANYONE) == made.resolve("qa", ANYONE)
    assert load_catalog(tmp_path / "none.json").revision == 0


def test_user_text_is_data_and_never_a_template() -> None:
    assert rendered("Q: {{ question }}", {"question": "{{ history }} {% x %}"}) == "Q: {{ history }} {% x %}"


def test_a_variable_without_a_value_is_named() -> None:
    with pytest.raises(Refusal, match="wants colour"):
        rendered("{{ colour }}", {"question": "x"})


@pytest.mark.parametrize(
    "content", [b"", b'{"revision": 3, "vers', b"[]", b'{"revision": 1, "versions": [{}], "aliases": []}']
)
def test_a_snapshot_that_is_empty_or_torn_stops_no_gateway(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "catalog.json").write_bytes(content)

    found = load_catalog(tmp_path / "catalog.json")
    assert (found.revision, found.is_read) == (0, False)
    assert (tmp_path / "catalog.json.refused").read_bytes() == content


def opcodes(ask: Callable[[], object]) -> int:
    """How many Python instructions asking takes: a cost that no busy machine changes."""
    done = 0

    def watch(frame: FrameType, what: str, _: object) -> Any:
        nonlocal done
        frame.f_trace_opcodes = True
        done += what == "opcode"
        return watch

    before = sys.gettrace()
    sys.settrace(watch)
    try:
        ask()
    finally:
        sys.settrace(before)
    return done


def test_an_unknown_name_costs_the_same_however_many_versions_there_are() -> None:
    def refused(made: Catalog) -> None:
        with pytest.raises(Refusal, match="no chain or model"):
            made.resolve("unknown", ANYONE)
        with pytest.raises(Refusal, match="no prompt"):
            made.prompt("unknown", ANYONE)

    def made(versions: int) -> Catalog:
        return catalog([*changes(), *(change("model", f"m{n % 50}", str(n), MODEL, "prod") for n in range(versions))])

    few, many = made(50), made(3_000)
    refused(few)
    refused(many)

    assert opcodes(lambda: refused(few)) == opcodes(lambda: refused(many))


def test_another_prompt_or_none_changes_the_prompt_and_its_reference_alone() -> None:
    made = catalog([*changes(), change("model", "qa", "2", {**MODEL, "dimensions": 7, "card": {"a": 1}}, "prod")])
    resolved = made.resolve("qa", ANYONE)
    other = made.prompt("ask@1", ANYONE)
    assert resolved.model.dimensions == 7

    for found, prompt in ((resolved.without_prompt(), None), (resolved.with_prompt(other), other)):
        kept = replace(found, prompt=resolved.prompt, references=resolved.references)
        assert kept == resolved
        assert found.prompt == prompt
        kinds = [reference.kind for reference in found.references]
        assert kinds.count("prompt") == (prompt is not None)
        assert set(found.references) | {other.reference} == set(resolved.references)


@pytest.mark.parametrize("ask", ["resolve", "prompt"])
def test_a_name_that_is_too_long_is_refused_and_not_quoted(ask: str) -> None:
    with pytest.raises(Refusal, match="at most 256 characters") as refusal:
        getattr(catalog(changes()), ask)("x" * 8_000_000, ANYONE)

    assert len(refusal.value.message) < 300


def test_a_prompt_that_cannot_be_read_is_named_as_one() -> None:
    made = catalog([*changes(), change("prompt", "p", "broken", {"template": 7})])

    with pytest.raises(Refusal, match="prompt 'p' cannot be read") as refusal:
        _ = made.resolve("qa", ANYONE).with_prompt(made.prompt("p@broken", ANYONE)).template

    assert refusal.value.error_type == "prompt_not_found"


def test_a_broken_chain_takes_no_other_route_away() -> None:
    made = catalog([*changes(), change("chain", "broken", "1", {"nodes": []}, "prod")])

    assert [route.route for route in made.routes(ANYONE)] == ["qa"]
    with pytest.raises(Refusal, match="cannot be read"):
        made.resolve("broken", ANYONE)


OTHERS = [
    change(kind, name, "1", spec, "prod")
    for kind, name, spec in (
        ("model", "secret", {**MODEL, "unary_model": "secret-unary", "stream_model": "secret-stream"}),
        ("prompt", "secret-prompt", {"template": "Q: {{ question }}"}),
        ("chain", "secret-broken", {"nodes": []}),
    )
]
"""Assets that a caller with the route qa alone has no right to."""


def told(ask: Callable[[], object]) -> object:
    try:
        return ask()
    except Refusal as refusal:
        return refusal.error_type, refusal.message


@pytest.mark.parametrize("routes", [("qa",), ("qa*", "x"), ("nothing-*",)])
@pytest.mark.parametrize(
    "name",
    ["qa", "qa-stream", "qa-nothing", "secret", "secret-unary", "secret-stream", "secret-broken", "nothing-x", ""],
)
def test_what_a_caller_is_told_does_not_depend_on_routes_that_its_key_is_not_for(
    name: str, routes: tuple[str, ...]
) -> None:
    caller = Caller("acme", "some", frozenset({"infer"}), routes)
    with_others, without = catalog([*changes(), *OTHERS]), catalog(changes())

    assert told(lambda: with_others.resolve(name, caller)) == told(lambda: without.resolve(name, caller))
    assert with_others.routes(caller) == without.routes(caller)
    assert told(lambda: with_others.prompt(f"x{name}", caller)) == told(lambda: without.prompt(f"x{name}", caller))


def test_a_name_of_another_route_and_a_name_of_nothing_are_refused_in_the_same_words() -> None:
    caller = Caller("acme", "some", frozenset({"infer"}), ("other",))
    for name in ("qa", "qa-stream", "nothing"):
        assert told(lambda: catalog(changes()).resolve(name, caller)) == (  # noqa: B023  # called at once
            "permission_denied", f"key some is not for route {name!r}; its routes: other"
        )  # fmt: skip
