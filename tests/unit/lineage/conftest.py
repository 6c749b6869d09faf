"""The real engine with its tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.store.lineage_store import migrated, put, store
from harness.store.sql_endpoint import endpoint
from weir.lineage.read.operator_sql import OperatorSql
from weir.lineage.settings import LineageSettings
from weir.lineage.store.store import Store, open_client

__all__ = ["endpoint", "migrated", "put", "store"]


@pytest.fixture
def settings(tmp_path: Path) -> LineageSettings:
    return LineageSettings(
        data_dir=tmp_path / "data", query_rows_max=50, query_timeout_s=2, sql_memory_bytes_max=64_000_000,
        sql_answer_bytes_max=100_000,
    )  # fmt: skip


@pytest.fixture
def sql(store: Store, settings: LineageSettings) -> Iterator[OperatorSql]:
    sql = OperatorSql(settings)
    yield sql
    sql.close()


@pytest.fixture
def direct(store: Store, settings: LineageSettings) -> Iterator[Any]:
    """The engine itself, with no gate and no limits."""
    client = open_client(settings)
    yield client
    client.close()
