"""Restore of calls: the windows that an earlier process stored. As in `restore`, a start never fails on what is stored."""

from __future__ import annotations

import json
from collections.abc import Collection
from sqlite3 import Connection

from weir.alerts.adapters.call_store import MARK
from weir.alerts.adapters.restore import read_row
from weir.alerts.core.calls.clock import Clock, start_again
from weir.alerts.core.calls.pane import Pane, pane_from
from weir.alerts.core.calls.series import Series, series_from
from weir.assets.call_condition import SOURCE


def restore_series(connection: Connection, now_us: int) -> dict[str, Series]:
    """Every series by key."""
    found: dict[str, Series] = {}
    for key, text in connection.execute("SELECT key, record_json FROM call_series").fetchall():
        series = read_row(connection, "call_series", key, text, lambda said: series_from(json.loads(said)), now_us)
        if series is None or series.key != key:
            connection.execute("DELETE FROM call_series WHERE key = ?", (key,))
        else:
            found[key] = series
    return found


def restore_panes(connection: Connection, series: Collection[str], now_us: int) -> dict[str, dict[int, Pane]]:
    """The panes of these series by start, microseconds; others are forgotten."""
    found: dict[str, dict[int, Pane]] = {}
    rows = connection.execute("SELECT series, start_us, record_json FROM call_panes").fetchall()
    for key, start_us, text in rows:
        pane = None
        if key in series:
            name = f"{key} {start_us}"
            pane = read_row(connection, "call_panes", name, text, lambda said: pane_from(json.loads(said)), now_us)
        if pane is None:
            connection.execute("DELETE FROM call_panes WHERE series = ? AND start_us = ?", (key, start_us))
        else:
            found.setdefault(key, {})[start_us] = pane
    return found


def restore_ids(connection: Connection) -> dict[str, None]:
    """Ids of counted calls, oldest first."""
    return dict.fromkeys(row[0] for row in connection.execute("SELECT event_id FROM call_ids ORDER BY position"))


def restore_clock(connection: Connection, now_us: int) -> Clock:
    """How far event time had come. now_us: the processing clock."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (MARK,)).fetchone()
    heard = connection.execute("SELECT partition, newest_us FROM offsets WHERE topic = ?", (SOURCE,))
    return start_again(int(row[0]) if row else 0, dict(heard.fetchall()), now_us)
