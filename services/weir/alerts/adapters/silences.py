"""Silences: kept in the database, with a log of who made, changed or ended each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from sqlite3 import Connection
from typing import Any

from weir.alerts.core.matcher import matcher_from
from weir.alerts.core.silence import Silence
from weir.events import canonical_json

LOG_MAX = 10_000
"""Entries of the log that are kept, newest first; at a hundred changes a day it goes back three months."""


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the log. action: added or expired. author: who did it."""

    silence: str
    at_us: int
    action: str
    author: str
    record_json: str


def silence_record(silence: Silence) -> dict[str, Any]:
    """A silence as plain data; its matchers as texts."""
    return {**asdict(silence), "matchers": [str(one) for one in silence.matchers]}


def silence_from(record: Mapping[str, Any]) -> Silence:
    """The silence of a record. Raises InvalidMatcher, KeyError or TypeError for one that is none."""
    return Silence(**{**record, "matchers": tuple(matcher_from(text) for text in record["matchers"])})


def put(connection: Connection, silence: Silence, at_us: int, action: str, author: str) -> None:
    """Write a silence and who did what to it, and drop the oldest entries of the log beyond LOG_MAX."""
    body = canonical_json(silence_record(silence))
    connection.execute("INSERT OR REPLACE INTO silences VALUES (?, ?)", (silence.id, body))
    values = (silence.id, at_us, action, author, body)
    connection.execute(
        "INSERT INTO silence_log (silence, at_us, action, author, record_json) VALUES (?, ?, ?, ?, ?)", values
    )
    connection.execute(
        "DELETE FROM silence_log WHERE position <= (SELECT max(position) FROM silence_log) - ?", (LOG_MAX,)
    )


def forget(connection: Connection, silence_id: str) -> None:
    """Take a silence away; its log stays."""
    connection.execute("DELETE FROM silences WHERE id = ?", (silence_id,))


def log_of(connection: Connection, silence_id: str) -> Sequence[Change]:
    """What was done to a silence, oldest first."""
    query = "SELECT silence, at_us, action, author, record_json FROM silence_log WHERE silence = ? ORDER BY position"
    return [Change(*row) for row in connection.execute(query, (silence_id,))]


def stored(connection: Connection) -> Sequence[tuple[str, str]]:
    """Id and record of every silence."""
    return [(row[0], row[1]) for row in connection.execute("SELECT id, record_json FROM silences")]


def read(record_json: str) -> Silence:
    """The silence in a stored record. Raises like silence_from, and ValueError."""
    return silence_from(json.loads(record_json))
