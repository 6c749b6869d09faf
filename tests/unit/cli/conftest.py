"""Lineage's real API over the real engine, and a broker, where the commands look for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from knocking import TOKEN
from lineage_store import migrated, put, store
from mock_kafka import MockKafka
from page_server import pages
from weir.lineage.adapters.store import Store
from weir.lineage.api import routes
from weir.lineage.settings import LineageSettings

__all__ = ["migrated", "put", "store"]


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> MockKafka:
    """A broker that the commands find."""
    kafka = MockKafka()
    monkeypatch.setenv("WEIR_KAFKA_BOOTSTRAP", kafka.bootstrap)
    return kafka


@pytest.fixture
def lineage(store: Store, kafka: MockKafka, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """URL of lineage's API, which the commands find."""
    settings = LineageSettings(kafka_bootstrap=kafka.bootstrap)
    with pages(routes(store, settings)) as url:
        monkeypatch.setenv("WEIR_LINEAGE_URL", url)
        monkeypatch.setenv("WEIR_HTTP_TOKEN", TOKEN)
        yield url
