"""Comments of the published views are derived from their tables at every start."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.lineage.read.core.sql_names import VIEWS
from weir.lineage.settings import LineageSettings
from weir.lineage.store.store import Store
from weir.lineage.store.view_comments import OWN, TABLES, comment_views

MISSING = "SELECT count() AS n FROM published_columns WHERE comment = ''"


@pytest.mark.capability("U5")
def test_a_second_start_changes_nothing_and_a_view_made_anew_is_commented_again(store: Store) -> None:
    assert comment_views(store) == 0
    store.command("CREATE OR REPLACE VIEW v_alerts AS SELECT *, event_time, stored_at FROM alerts FINAL")
    assert store.rows(MISSING)[0]["n"] > 10

    assert comment_views(store) == 1
    assert store.rows(MISSING) == [{"n": 0}]


def test_no_bound_on_rows_ends_a_start(store: Store, tmp_path: Path) -> None:
    bounded = Store(LineageSettings(data_dir=tmp_path / "data", query_rows_max=1))

    assert comment_views(bounded) == 0
    bounded.close()


def test_every_rule_is_about_a_published_view() -> None:
    assert {*TABLES, *OWN} <= VIEWS
