"""Reading one counter from a page of metrics, as the stock client library renders it."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest

from demo.metrics_page import counter


@pytest.fixture
def page() -> str:
    registry = CollectorRegistry()
    handled = Counter("weir_messages_total", "Handled.", ["group", "topic"], registry=registry)
    handled.labels("drift", "text-features").inc(7)
    handled.labels("drift", "registry-changes").inc(3)
    return generate_latest(registry).decode()


def test_the_sample_with_these_labels_is_read(page: str) -> None:
    assert counter(page, "weir_messages_total", group="drift", topic="text-features") == 7


def test_what_was_never_counted_is_zero(page: str) -> None:
    assert counter(page, "weir_messages_total", group="alerts", topic="text-features") == 0
    assert counter(page, "weir_messages", group="drift", topic="text-features") == 0
