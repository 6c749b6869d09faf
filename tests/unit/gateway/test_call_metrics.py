"""Route and model of ended calls in the metrics: those that the catalog knows, and never more than the bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from harness.samples.builders import call, call_end
from weir.gateway.adapters.metrics import CALLS, LATENCY_S
from weir.gateway.calls.call_metrics import OTHER, CallMetrics

ROUTES = st.lists(st.sampled_from([f"route-{number}" for number in range(30)]), max_size=60)


@pytest.fixture(autouse=True)
def empty() -> None:
    CALLS.clear()
    LATENCY_S.clear()


def counts() -> dict[tuple[str, str], float]:
    """Calls by route and model."""
    found: dict[tuple[str, str], float] = {}
    for family in REGISTRY.collect():
        for sample in family.samples:
            if sample.name == "weir_gateway_calls_total":
                pair = sample.labels["route"], sample.labels["model"]
                found[pair] = found.get(pair, 0) + sample.value
    return found


@given(ROUTES)
def test_a_caller_cannot_make_series(routes: list[str]) -> None:
    CALLS.clear()
    LATENCY_S.clear()
    metrics = CallMetrics(lambda name: int(name[6:]) < 20, pairs_max=5)
    for route in routes:
        metrics.count_end(call(route=route, model="m"), call_end())
        metrics.count_refusal(call(route=route, model=""), call_end(outcome="refused"))

    found = counts()
    assert sum(found.values()) == 2 * len(routes)
    assert len(found) <= 5 + 1
    assert all(pair == (OTHER, OTHER) or int(pair[0][6:]) < 20 for pair in found)


def test_an_ended_call_is_counted_under_its_route_and_model() -> None:
    metrics = CallMetrics(lambda name: name == "docs-qa", pairs_max=5)
    for _ in range(3):
        metrics.count_end(call(route="docs-qa", model="docs-qa-unary"), call_end())
    metrics.count_end(call(route="stranger", model=""), call_end())

    assert counts() == {("docs-qa", "docs-qa-unary"): 3, (OTHER, OTHER): 1}
    labels = {"protocol": call().protocol, "route": "docs-qa", "model": "docs-qa-unary"}
    assert REGISTRY.get_sample_value("weir_gateway_call_seconds_count", labels) == 3
