"""Retention: the TTL of each table is what the settings say, changed at start where it is not."""

from __future__ import annotations

import re

from weir.lineage.adapters.store import Store
from weir.lineage.core.retention import Retention, expiry
from weir.runtime.telemetry import logger

DAYS = re.compile(r" TTL .*?toIntervalDay\((\d+)\)")
"""How the engine writes down the days of a TTL."""


def keep(store: Store, retention: Retention) -> list[str]:
    """Set each table's TTL; returns the tables that changed. Expired rows go with the next merges, in the background."""
    changed = []
    for table, days in retention.days().items():
        before = kept_days(store, table)
        if before == days:
            continue
        store.command(f"ALTER TABLE {table} MODIFY TTL {expiry(table, days)}")
        logger().info("retention_changed", table=table, before_days=before, days=days)
        changed.append(table)
    return changed


def kept_days(store: Store, table: str) -> int | None:
    """Days that a table keeps its rows; None for ever."""
    (row,) = store.rows(
        "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = {name:String}",
        {"name": table},
    )
    found = DAYS.search(str(row["engine_full"]))
    return int(found[1]) if found else None
