"""Call store: writes windows of calls and the ids of the calls in them; `restore` reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from sqlite3 import Connection

from weir.alerts.core.calls.pane import Pane, pane_record
from weir.alerts.core.calls.series import Series, series_record
from weir.events import canonical_json

MARK = "calls_mark_us"
"""Key of the mark in the table `meta`."""


def save_series(connection: Connection, series: Mapping[str, Series | None]) -> None:
    """Write changed series by key; None takes one away."""
    for key, one in series.items():
        if one is None:
            connection.execute("DELETE FROM call_series WHERE key = ?", (key,))
        else:
            body = canonical_json(series_record(one))
            connection.execute("INSERT OR REPLACE INTO call_series VALUES (?, ?)", (key, body))


def save_panes(connection: Connection, panes: Mapping[tuple[str, int], Pane | None]) -> None:
    """Write changed panes by series and start; None takes one away."""
    for (key, start_us), pane in panes.items():
        if pane is None:
            connection.execute("DELETE FROM call_panes WHERE series = ? AND start_us = ?", (key, start_us))
        else:
            body = canonical_json(pane_record(pane))
            connection.execute("INSERT OR REPLACE INTO call_panes VALUES (?, ?, ?)", (key, start_us, body))


def save_ids(connection: Connection, ids: Iterable[str], ids_max: int) -> None:
    """Write the ids of counted calls; only the newest are kept."""
    connection.executemany("INSERT OR IGNORE INTO call_ids (event_id) VALUES (?)", [(one,) for one in ids])
    connection.execute("DELETE FROM call_ids WHERE position <= (SELECT max(position) FROM call_ids) - ?", (ids_max,))


def save_mark(connection: Connection, mark_us: int) -> None:
    """Write how far event time has come, microseconds since 1970-01-01 UTC."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (MARK, str(mark_us)))
