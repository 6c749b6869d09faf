"""Difference: nothing for equals, everything for what changed, chains by node name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.registry.core.difference import difference

KEYS = st.text("abc", min_size=1, max_size=2)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
SPECS = st.dictionaries(KEYS, VALUES, max_size=3)


@given(SPECS)
def test_equal_specifications_do_not_differ(spec: dict[str, Any]) -> None:
    assert difference(spec, dict(spec)) == ()


@given(SPECS, SPECS)
def test_different_specifications_differ(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert bool(difference(before, after)) == (repr_of(before) != repr_of(after))


def repr_of(value: object) -> object:
    """A value in a form that tells 1 from true, and in which the order of keys means nothing."""
    if isinstance(value, dict):
        return sorted((key, repr(repr_of(item))) for key, item in value.items())
    return [repr_of(item) for item in value] if isinstance(value, list) else repr(value)


@pytest.mark.capability("D6")
def test_chains_differ_node_by_node() -> None:
    before = {"nodes": [{"name": "a", "kind": "x"}, {"name": "b", "kind": "y"}], "edges": [["a", "b"]]}
    after = {"nodes": [{"name": "b", "kind": "z"}, {"name": "c", "kind": "y"}], "edges": [["b", "c"]]}

    found = [(one.path, one.change) for one in difference(before, after)]

    assert found == [
        ("edges", "removed"),
        ("edges", "added"),
        ("nodes[a]", "removed"),
        ("nodes[b].kind", "changed"),
        ("nodes[c]", "added"),
    ]


@pytest.mark.capability("D5")
def test_texts_differ_line_by_line() -> None:
    (found,) = difference({"template": "one\ntwo\nthree"}, {"template": "one\n2\nthree"})

    assert found.path == "template"
    assert "-two" in found.lines
    assert "+2" in found.lines
