"""A ClickHouse server that goes away under load: the sink waits, its memory stays flat, the store ends up whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.kafka.load import Load
from harness.stack.running_stack import RunningStack
from harness.stack.second_store import SecondStore
from harness.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.stack
PERMANENT = 'weir_lineage_insert_failures_total{kind="permanent"}'


@pytest.fixture
def second(stack: RunningStack, tmp_path: Path) -> Iterator[SecondStore]:
    store = SecondStore(stack, tmp_path)
    store.begin_at_end()  # what other tests left in the log, such as rows that no store takes, is not counted here
    with store:
        store.sink.until_ready()
        yield store


def stored(second: SecondStore, load: Load) -> int:
    return second.count("v_inference_responses", f"tenant = '{load.tenant}'")


def until_stored(second: SecondStore, load: Load) -> None:
    eventually(
        lambda: stored(second, load) >= load.sent, within_s=PATIENCE_S, what=f"{load.sent} events of {load.tenant}"
    )
    ((rows, distinct),) = second.sql(
        f"SELECT count(), uniqExact(event_id) FROM v_inference_responses WHERE tenant = '{load.tenant}'"
    )
    assert (rows, distinct) == (load.sent, load.sent)


@pytest.mark.capability("X1")
def test_a_server_that_is_killed_and_comes_back_misses_nothing(stack: RunningStack, second: SecondStore) -> None:
    load = Load(stack, "killed")
    load.send(500)
    until_stored(second, load)

    second.clickhouse.kill()
    load.send(500)
    eventually(
        lambda: second.sink.metric('weir_lineage_insert_failures_total{kind="transient"}') >= 2,
        within_s=PATIENCE_S,
        what="an insert that was tried again",
    )
    load.send(500)
    assert second.sink.metric(PERMANENT) == 0
    second.clickhouse.start()

    until_stored(second, load)


@pytest.mark.capability("X1")
def test_a_sink_killed_between_insert_and_commit_stores_each_event_once(
    stack: RunningStack, second: SecondStore
) -> None:
    load = Load(stack, "kills")
    for _ in range(3):
        load.send(200)
        eventually(lambda: stored(second, load) > 0, within_s=PATIENCE_S, what="a first row")
        second.sink.kill()
        second.sink.start()
    second.sink.until_ready()

    until_stored(second, load)
    ((rows, distinct),) = second.sql("SELECT count(), uniqExact(tuple(source, boot_epoch, seq)) FROM v_numbers")
    assert rows == distinct
