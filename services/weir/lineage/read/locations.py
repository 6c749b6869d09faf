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
    "SELECT rows_of, groupUniqArray(tenant) AS tenants, groupUniqArray(route) AS routes, min(first_us) AS first_us,"
    " max(last_us) AS last_us FROM locations WHERE id IN (SELECT cityHash64(arrayJoin({ids:Array(String)}))) GROUP BY rows_of"
)

SORTED_BY_ROUTE = ("inference_responses", "span_rows")
"""Tables whose rows stand in the order of tenant, route and time; the others in that of tenant and time."""


class Locations:
    """Of the rows about some traces or calls."""

    def __init__(self, store: Store, ids: Sequence[str]) -> None:
        """ids: trace ids or request ids. Raises QueryFailed."""
        self._store = store
        found = store.rows(LOCATED, {"ids": list(ids)}) if ids else []
        self._by_table = {str(row["rows_of"]): row for row in found}

    def rows(self, table: str, sql: str, given: Mapping[str, object]) -> list[dict[str, Any]]:
        """Rows of a statement about a table; none, and no statement, where the table holds nothing about the ids.

        sql: with `{at}` where its condition is narrowed. Raises QueryFailed.
        """
        place = self._by_table.get(table)
        if place is None:
            return []
        at = f"tenant IN {{tenants:Array(String)}} AND {time_column(table)} BETWEEN {{first_us:Int64}} AND {{last_us:Int64}}"
        if table in SORTED_BY_ROUTE:
            at += " AND route IN {routes:Array(String)}"
        return self._store.rows(sql.replace("{at}", at), {**given, **place})
