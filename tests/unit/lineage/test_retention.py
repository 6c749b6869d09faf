"""Retention: what is set is what the engine does, and nothing expires that the books still speak about."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.samples.builders import NOON_US
from weir.events import named_id
from weir.lineage.core.retention import DAY_S, Retention
from weir.lineage.settings import LineageSettings
from weir.lineage.store.retention import keep, kept_days
from weir.lineage.store.store import Store
from weir.runtime.errors import BadSetting

pytestmark = pytest.mark.capability("X1")
DAYS = st.integers(1, 7_300)
OLD, NEW = (named_id(NOON_US, name) for name in ("old", "new"))


@given(DAYS, DAYS, DAYS)
def test_the_books_end_before_any_row_expires(events: int, features: int, governance: int) -> None:
    retention = Retention(events, features, governance)

    assert all(retention.audited_s < days * DAY_S for days in retention.days().values())


@pytest.mark.capability("G4")
def test_every_table_keeps_its_rows_as_long_as_is_set_and_a_second_start_changes_nothing(store: Store) -> None:
    retention = Retention(5, 3, 400)

    changed = keep(store, retention)

    assert set(changed) == set(retention.days())
    assert {table: kept_days(store, table) for table in retention.days()} == retention.days()
    assert keep(store, retention) == []


def test_every_table_of_rows_has_a_retention(store: Store) -> None:
    tables = store.rows(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
    )

    names = {str(row["name"]) for row in tables}
    assert names - set(Retention(1, 1, 1).days()) == {"registry_changes", "migrations", "counted"}
    assert kept_days(store, "registry_changes") is None


def test_a_row_older_than_that_is_gone_after_the_next_merge(store: Store) -> None:
    store.command(
        "INSERT INTO feedback (event_id, event_time_us)"
        f" VALUES ('{OLD}', (toUnixTimestamp(now()) - 864000) * 1000000), ('{NEW}', toUnixTimestamp(now()) * 1000000)"
    )

    keep(store, Retention(1, 1, 1))
    store.command("OPTIMIZE TABLE feedback FINAL")

    assert [row["event_id"] for row in store.rows("SELECT event_id FROM v_feedback")] == [NEW]


def test_a_table_refuses_a_row_that_it_would_not_keep_however_often_the_days_change(store: Store) -> None:
    row = (
        f"INSERT INTO feedback (event_id, event_time_us) VALUES ('{OLD}', (toUnixTimestamp(now()) - 864000) * 1000000)"
    )
    for days, is_kept in ((9, False), (11, True), (9, False)):
        keep(store, Retention(days, days, days))
        with nullcontext() if is_kept else pytest.raises(ClickHouseError, match=f"kept_{days}_days"):
            store.command(row)


@pytest.mark.parametrize("days", [0, 7_301])
def test_a_retention_out_of_range_is_refused(days: int) -> None:
    with pytest.raises(ValidationError):
        LineageSettings(retention_days=days)


def test_a_retention_within_the_audits_window_is_refused_with_what_to_do() -> None:
    settings = LineageSettings(features_retention_days=1)

    with pytest.raises(BadSetting, match="at least a day longer than the window"):
        _ = settings.retention
    assert LineageSettings(features_retention_days=2).retention.audited_s == DAY_S


def test_the_embedded_engine_writes_no_logs_of_its_own(store: Store) -> None:
    store.rows("SELECT count() FROM v_numbers")

    kept = store.rows("SELECT name FROM system.tables WHERE database = 'system' AND engine LIKE '%MergeTree'")

    assert kept == []
