"""Where the rows about a trace or a call are, so that a question by id reads the few granules that hold its answer.

The table `locations` (migration 0013) is fed by the inserts of the sink. It narrows a question and answers none: each
question names the id as well, so a row of another trace whose id has the same hash is in no answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from weir.lineage.core.retention import time_column
from weir.lineage.store.store import Store

LOCATED = (
    "SELECT rows_of, tenant, route, first_us, last_us FROM locations"
    " PREWHERE has(arrayMap(id -> cityHash64(id), {ids:Array(String)}), id) LIMIT {limit:UInt32} SETTINGS max_threads = 1"
)

LOCATED_MAX = 1_000
"""Locations of one question at most; what has more is asked of every row. Chosen: far more than a call or a trace has, unless
a client gives all its calls one trace id."""

SORTED_BY_ROUTE = ("inference_responses", "span_rows")
"""Tables whose rows stand in the order of tenant, route and time; the others in that of tenant and time."""


class Locations:
    """Of the rows about some traces or calls."""

    def __init__(self, store: Store, ids: Sequence[str]) -> None:
        """ids: trace ids or request ids. Raises QueryFailed."""
        self._store = store
        given = {"ids": list(ids), "limit": LOCATED_MAX}
        self._found = store.rows(LOCATED, given) if ids else []

    def rows(self, table: str, sql: str, given: Mapping[str, object]) -> list[dict[str, Any]]:
        """Rows of a statement about a table; none, and no statement, where the table holds nothing about the ids.

        sql: with `{at}` where its condition is narrowed. Raises QueryFailed.
        """
        if len(self._found) == LOCATED_MAX:
            return self._store.rows(sql.replace("{at}", "1"), given)
        found = [row for row in self._found if row["rows_of"] == table]
        if not found:
            return []
        at = f"tenant IN {{tenants:Array(String)}} AND {time_column(table)} BETWEEN {{first_us:Int64}} AND {{last_us:Int64}}"
        place: dict[str, object] = {
            "tenants": sorted({row["tenant"] for row in found}),
            "first_us": min(row["first_us"] for row in found),
            "last_us": max(row["last_us"] for row in found),
        }
        if table in SORTED_BY_ROUTE:
            at += " AND route IN {routes:Array(String)}"
            place["routes"] = sorted({row["route"] for row in found})
        return self._store.rows(f"{sql.replace('{at}', at)} SETTINGS max_threads = 1", {**given, **place})
