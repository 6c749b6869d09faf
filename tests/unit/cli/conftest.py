"""Lineage's real API over the real engine, and a broker, where the commands look for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.http.boundary_client import TOKEN
from harness.http.page_server import pages
from harness.kafka.mock_kafka import MockKafka
from harness.store.lineage_store import migrated, put, store
from weir.lineage.read.api import routes
from weir.lineage.read.operator_sql import OperatorSql
from weir.lineage.settings import LineageSettings
from weir.lineage.store.counters import Counters
from weir.lineage.store.store import Store

__all__ = ["migrated", "put", "store"]


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> MockKafka:
    """A broker that the commands find."""
    kafka = MockKafka()
    monkeypatch.setenv("WEIR_KAFKA_BOOTSTRAP", kafka.bootstrap)
    return kafka


@pytest.fixture
def lineage(store: Store, kafka: MockKafka, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """URL of lineage's API, which the commands find."""
    settings = LineageSettings(kafka_bootstrap=kafka.bootstrap, data_dir=tmp_path / "data")
    sql = OperatorSql(settings)
    with pages(routes(store, Counters(store), sql, settings)) as url:
        monkeypatch.setenv("WEIR_LINEAGE_URL", url)
        monkeypatch.setenv("WEIR_HTTP_TOKEN", TOKEN)
        yield url
    sql.close()
