"""The small rules: admission, vectors and their cache, server timing."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.events.trace_context import TraceContext
from weir.inference.adapters.call_context import CallContext
from weir.inference.core.gate import Gate
from weir.inference.core.vectors import EmbeddingCache, normalise

VECTORS = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=8).filter(lambda values: any(values))


@given(st.integers(1, 5), st.lists(st.booleans(), max_size=50))
def test_a_gate_never_holds_more_than_its_limit(limit: int, arrivals: list[bool]) -> None:
    gate = Gate(limit)
    for arrives in arrivals:
        if arrives:
            assert gate.enter() == (gate.inside <= limit) or gate.inside == limit
        elif gate.inside:
            gate.leave()
        assert 0 <= gate.inside <= limit


def test_a_gate_that_is_full_stays_full_until_one_leaves() -> None:
    gate = Gate(1)

    assert gate.enter()
    assert not gate.enter()
    gate.leave()
    assert gate.enter()


def test_a_gate_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="lets no one in"):
        Gate(0)


def test_leaving_without_entering_is_an_error() -> None:
    with pytest.raises(ValueError, match="without enter"):
        Gate(1).leave()


@given(VECTORS)
def test_a_normalised_vector_has_length_one_and_its_direction(values: list[float]) -> None:
    vector = np.array(values, dtype=np.float32)
    unit = normalise(vector)

    assert np.linalg.norm(unit.astype(np.float64)) == pytest.approx(1.0, abs=1e-5)
    assert float(unit.astype(np.float64) @ vector.astype(np.float64)) > 0


@pytest.mark.parametrize("values", [[0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0]])
def test_a_vector_without_direction_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="no direction"):
        normalise(np.array(values, dtype=np.float32))


@given(st.integers(0, 4), st.lists(st.text(max_size=2), max_size=30))
def test_a_cache_is_bounded_and_holds_what_came_last(entries_max: int, texts: list[str]) -> None:
    cache = EmbeddingCache(entries_max)
    for number, text in enumerate(texts):
        cache.put(text, np.array([number], dtype=np.float32))
        assert len(cache) <= entries_max
        held = cache.get(text)
        assert (held is None) == (entries_max == 0)
        assert held is None or held[0] == number


def test_the_text_unused_longest_leaves_first() -> None:
    cache = EmbeddingCache(2)
    for text in ("a", "b"):
        cache.put(text, np.ones(1, dtype=np.float32))
    cache.get("a")
    cache.put("c", np.ones(1, dtype=np.float32))

    assert [cache.get(text) is None for text in ("a", "b", "c")] == [False, True, False]


def test_server_timing_is_json_of_two_nested_spans() -> None:
    trace = TraceContext("d" * 32, "b" * 16, "01", "")
    call = CallContext(
        method="ModelInfer",
        trace=trace,
        span_id="a" * 16,
        triton_span_id="c" * 16,
        start_us=1,
        timeout_s=1.0,
        is_default_timeout=False,
        metadata=(),
        triton_start_us=2,
    )
    name, told = call.trailer(4)

    assert name == "weir-server-timing"
    assert json.loads(told) == [
        {
            "name": "inference",
            "span_id": "a" * 16,
            "parent_span_id": "b" * 16,
            "kind": "server",
            "service": "inference",
            "start_us": 1,
            "end_us": 4,
        },
        {
            "name": "triton ModelInfer",
            "span_id": "c" * 16,
            "parent_span_id": "a" * 16,
            "kind": "client",
            "service": "inference",
            "start_us": 2,
            "end_us": 4,
        },
    ]
