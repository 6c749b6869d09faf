"""A part that the engine cannot read any more: queries say so, the audit names what was in it, and the log stores it again.

What docs/runbooks/store-disk-full.md tells an operator to do, done.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from harness.kafka.load import TOPIC, Load
from harness.stack.running_stack import RunningStack
from harness.stack.second_store import SecondStore
from harness.waiting import PATIENCE_S, eventually
from weir.cli.group_offsets import GroupOffsets, set_back

pytestmark = [pytest.mark.stack, pytest.mark.capability("X1")]
TABLE = TOPIC.replace("-", "_")
EVENTS = 20


@pytest.fixture
def second(stack: RunningStack, tmp_path: Path) -> Iterator[SecondStore]:
    store = SecondStore(stack, tmp_path / "store")
    store.begin_at_end()  # the part is made of events of this test
    with store:
        store.sink.until_ready()
        yield store


def test_what_a_part_held_is_named_and_stored_again(
    stack: RunningStack, second: SecondStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    since_ms = time.time_ns() // 1_000_000
    load = Load(stack, "unreadable")
    load.send(EVENTS)
    mine = f"tenant = '{load.tenant}'"
    eventually(lambda: second.count(f"v_{TABLE}", mine) == EVENTS, within_s=PATIENCE_S, what="the events")

    _asked(second, f"SYSTEM STOP MERGES {TABLE}")
    parts = _asked(second, f"SELECT DISTINCT _part FROM {TABLE} WHERE {mine}").split()
    for part in parts:
        where = f"active AND table = '{TABLE}' AND name = '{part}'"
        (folder,) = _asked(second, f"SELECT path FROM system.parts WHERE {where}").split()
        (marks,) = Path(folder).glob("data.cmrk*")
        marks.write_bytes(b"")  # what a full disk leaves: docs/chaos.md, "What it found"
    _asked(second, "SYSTEM DROP MARK CACHE")
    with pytest.raises(AssertionError, match="Empty marks file"):
        second.sql(f"SELECT count(), uniqExact(event_id) FROM v_{TABLE} WHERE {mine}")

    for part in parts:
        _asked(second, f"ALTER TABLE {TABLE} DETACH PART '{part}'")
    load.send(1)  # a later number: without one, nobody knows of this source, which keeps no books
    eventually(lambda: second.count(f"v_{TABLE}", mine) == 1, within_s=PATIENCE_S, what="a later event")
    assert second.audit()[load.life]["missing_ranges"] == [[0, EVENTS - 1]]

    second.sink.kill()
    monkeypatch.setenv("WEIR_KAFKA_BOOTSTRAP", stack.kafka_bootstrap)
    assert set_back(GroupOffsets(second.group, TOPIC), since_ms)
    second.sink.start()
    second.sink.until_ready()

    eventually(lambda: second.count(f"v_{TABLE}", mine) == EVENTS + 1, within_s=PATIENCE_S, what="the events, again")
    assert second.audit()[load.life]["missing_ranges"] == []


def _asked(second: SecondStore, sql: str) -> str:
    """What the second server itself answers."""
    return httpx2.post(second.clickhouse.url, content=sql, timeout=60).raise_for_status().text
