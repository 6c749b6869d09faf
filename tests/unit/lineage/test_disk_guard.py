"""The disk guard: below the reserve nothing is merged and nothing inserted, and all goes on when there is room."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from harness.samples.builders import one_of_each
from harness.store.lineage_store import Put
from harness.waiting import eventually
from weir.events import SCHEMA_JSON, FeedbackReceived, encode_body
from weir.lineage.core.disk import FAR_S, NEAR_S, NEAR_SHARE, RESUME_SHARE, may_merge, pause_s
from weir.lineage.settings import LineageSettings
from weir.lineage.sink.core.container import container
from weir.lineage.store.disk_guard import DiskGuard
from weir.lineage.store.metrics import DISK_FREE_BYTES
from weir.lineage.store.store import Store, StoreDown

pytestmark = pytest.mark.capability("X1")
MORE_THAN_ANY_DISK = 2**60
BYTES = st.integers(0, 2**45)


@given(st.sampled_from([None, True, False]), BYTES, BYTES)
def test_nothing_is_merged_below_the_reserve_and_it_stops_there_alone(
    may: bool | None, free: int, reserve: int
) -> None:
    after = may_merge(may, free, reserve)
    assert not after if free < reserve else after or may is False


@given(BYTES, st.integers(1, 2**40))
def test_what_stopped_goes_on_with_some_room_above_the_reserve(free: int, reserve: int) -> None:
    assert may_merge(False, free, reserve) is (free >= RESUME_SHARE * reserve)


def test_without_a_reserve_merges_run_on_a_full_disk() -> None:
    assert may_merge(None, 0, 0)
    assert may_merge(False, 0, 0)


def test_a_disk_that_is_nearly_full_is_looked_at_often() -> None:
    assert (pause_s(NEAR_SHARE * 100 - 1, 100), pause_s(NEAR_SHARE * 100, 100)) == (NEAR_S, FAR_S)


def test_merges_stop_and_go_on_in_the_real_engine(store: Store, put: Put) -> None:
    for _ in range(2):
        put("feedback", *_feedback())
    DiskGuard(store, MORE_THAN_ANY_DISK).look()
    assert REGISTRY.get_sample_value("weir_lineage_merges_stopped") == 1
    with pytest.raises(ClickHouseError, match="[Cc]ancelled"):
        store.command("OPTIMIZE TABLE feedback FINAL")
    DiskGuard(store, 1).look()  # another life: what the last one stopped goes on
    assert REGISTRY.get_sample_value("weir_lineage_merges_stopped") == 0
    store.command("OPTIMIZE TABLE feedback FINAL")
    assert REGISTRY.get_sample_value("weir_lineage_disk_free_bytes") == pytest.approx(store.free_bytes(), rel=0.5)


async def test_a_guard_looks_until_it_is_told_to_stop(store: Store) -> None:
    stop = asyncio.Event()
    DISK_FREE_BYTES.set(-1)
    running = asyncio.ensure_future(DiskGuard(store, 1).run(stop))
    await asyncio.to_thread(
        eventually, lambda: REGISTRY.get_sample_value("weir_lineage_disk_free_bytes") != -1, within_s=60, what="a look"
    )
    stop.set()
    await running


@pytest.fixture
def full(store: Store, tmp_path: Path) -> Iterator[Store]:
    """The store of a disk that has less than its reserve."""
    store.close()
    full = Store(LineageSettings(data_dir=tmp_path / "data", disk_reserve_bytes=MORE_THAN_ANY_DISK))
    yield full
    full.close()


def test_an_insert_below_the_reserve_is_a_store_that_is_down(full: Store) -> None:
    (feedback,) = _feedback()
    with pytest.raises(StoreDown, match="enough free space"):
        full.insert_container("feedback", container(SCHEMA_JSON["FeedbackReceived"], [encode_body(feedback)]), "1")


def _feedback() -> list[FeedbackReceived]:
    return [event for event in one_of_each() if isinstance(event, FeedbackReceived)]
