"""The HTTP door for the tests of this folder, and the drain's broker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from harness.http.gateway_http import HttpDoor, http_door
from harness.kafka.mock_kafka import know_schemas
from unit.gateway.draining import BYTES_MAX, WRITERS, Broker
from weir.capture import dead_records
from weir.capture import drain as drain_module
from weir.runtime.identity import Numbering
from weir.runtime.kafka.link import Link
from weir.runtime.kafka.schemas import SchemaCatalog
from weir.runtime.kafka.serde import Serde


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[HttpDoor]:
    async with http_door(tmp_path) as running:
        yield running


@pytest.fixture
def kafka(tmp_path: Path) -> Broker:
    know_schemas(tmp_path / "schema-ids.json")
    return Broker(Serde(SchemaCatalog("http://127.0.0.1:9", tmp_path / "schema-ids.json"), BYTES_MAX))


@pytest.fixture
def link(kafka: Broker, tmp_path: Path) -> Link:
    return Link(kafka._serde, kafka, Numbering("gateway-drain/1"), tmp_path)


@pytest.fixture
def closed_writers() -> Iterator[None]:
    """Writers of spools that a test opened are closed after it."""
    yield
    while WRITERS:
        WRITERS.pop().close()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drain waits for nothing."""
    monkeypatch.setattr(drain_module, "ANNOUNCE_EVERY_S", 0.0)
    for module in (drain_module, dead_records):
        monkeypatch.setattr(module, "BACKOFF_S", 0.01)
    monkeypatch.setattr(drain_module, "IDLE_S", 0.001)
