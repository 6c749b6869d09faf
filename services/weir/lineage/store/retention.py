"""Retention: the TTL of each table is what the settings say, changed at start where it is not."""

from __future__ import annotations

import re

from weir.events import TOPICS
from weir.lineage.core.retention import Retention, expiry, refusal
from weir.lineage.store.store import Store
from weir.runtime.telemetry.logs import logger

DAYS = re.compile(r" TTL .*?toIntervalDay\((\d+)\)")
"""How the engine writes down the days of a TTL."""

KEPT = re.compile(r"CONSTRAINT `?(kept_\d+_days)`?")
"""The constraint by which a table refuses expired rows."""


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
    for table in sorted({topic.replace("-", "_") for topic in TOPICS} & set(retention.days())):
        _refuse_expired(store, table, retention.days()[table])
    return changed


def _refuse_expired(store: Store, table: str, days: int) -> None:
    """Let the table refuse what it would not keep, under a name that says how long that is."""
    name = f"kept_{days}_days"
    (row,) = store.rows(
        "SELECT create_table_query AS text FROM system.tables WHERE database = currentDatabase() AND name = {name:String}",
        {"name": table},
    )
    held = KEPT.findall(str(row["text"]))
    if held == [name]:
        return
    drops = "".join(f"DROP CONSTRAINT IF EXISTS {one}, " for one in held)
    store.command(f"ALTER TABLE {table} {drops}ADD CONSTRAINT IF NOT EXISTS {name} CHECK {refusal(days)}")


def kept_days(store: Store, table: str) -> int | None:
    """Days that a table keeps its rows; None for ever."""
    (row,) = store.rows(
        "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = {name:String}",
        {"name": table},
    )
    found = DAYS.search(str(row["engine_full"]))
    return int(found[1]) if found else None
