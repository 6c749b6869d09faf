"""Evaluator specs: what the registry stores, the evaluator runs."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.assets.evaluator import PII_KINDS, TYPES, Evaluator, FormatParameters
from weir.assets.shapes import InvalidAsset, parse
from weir.evaluator.core.definition import SCORERS, evaluator_of
from weir.evaluator.core.evaluators.format import COUNTS, FLAGS, TEXTS
from weir.evaluator.core.pii_patterns import FINDERS
from weir.registry.core.documents import definitions_from
from weir.registry.core.problems import Refused

NAMES = st.sampled_from(
    ["words_min", "words_max", "kinds", "fields", "with_reserved", "mismatch_penalty", "nonsense",
     *(one.name for one in fields(FormatParameters))]
)  # fmt: skip
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-2, 500)
    | st.floats(-1, 2)
    | st.lists(st.sampled_from(["a", "", *PII_KINDS, "output"]))
)
SPECS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "type": st.sampled_from([*TYPES]),
        "routes": st.lists(st.sampled_from(["*", "docs-*", ""]), max_size=2),
        "sample_rate": st.floats(-0.5, 1.5) | st.just(1),
        "salt": st.sampled_from(["base-1", "x" * 300, ""]),
    },
    optional={
        "threshold": st.floats(-1, 2) | st.none(),
        "parameters": st.dictionaries(NAMES, VALUES, max_size=2) | st.none(),
        "description": st.just("d"),
    },
)


@given(SPECS)
def test_what_the_registry_accepts_the_evaluator_runs(spec: dict[str, Any]) -> None:
    try:
        (definition,) = definitions_from([{"kind": "evaluator", "name": "e", "version": "1", "spec": spec}])
    except Refused:
        return
    evaluator_of("e", "1", definition.digest, definition.body_json)


def test_a_definition_that_could_not_run_is_refused_by_the_registry() -> None:
    spec = {"type": "format", "routes": ["*"], "sample_rate": 1.0, "salt": "s"}

    with pytest.raises(InvalidAsset) as caught:
        parse(Evaluator, spec)
    assert [message for _, message in caught.value.findings] == [
        "format has no check; set at least one, for example sentences_max: 5"
    ]


def test_every_name_that_may_be_written_has_code_that_runs_it() -> None:
    assert set(TYPES) == set(SCORERS)
    assert tuple(FINDERS) == PII_KINDS
    assert {one.name for one in fields(FormatParameters)} == {*FLAGS, *COUNTS, *TEXTS}
