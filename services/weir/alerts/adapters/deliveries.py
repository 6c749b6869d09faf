"""Deliveries: the queue of notifications per receiver, every try of each, and the receivers that are switched off.

Order is kept inside a group: what a receiver hears of one group comes in the order it was decided, so a notification that
an alert is resolved is never followed by an older one that it fires.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from sqlite3 import Connection

from weir.alerts.core.retry import Answer

WAITING = "waiting"
DELIVERED = "delivered"
DEAD = "dead"
STATES = (WAITING, DELIVERED, DEAD)

ERROR_CHARS_MAX = 500
"""Characters of an error that are kept: a sentence."""

ATTEMPTS_KEPT = 200
"""Newest attempts of one delivery that are kept in its log; a day of tries once a minute would be 1,440."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification on its way to one receiver.

    attempts: tries so far. waited_us: sum of the pauses between them, microseconds. Times are microseconds since
    1970-01-01 UTC, 0 for never.
    """

    id: str
    receiver: str
    group_key: str
    status: str
    state: str
    attempts: int
    waited_us: int
    next_try_us: int
    created_us: int
    finished_us: int
    error: str
    traceparent: str = ""
    """W3C context that it is sent under; empty for one that belongs to no trace."""
    tracestate: str = ""
    links: str = ""
    """Contexts of the other alerts that it speaks of, as traceparents parted by spaces."""
    alertnames: str = ""
    """Names of the alerts that it speaks of, each once, parted by commas; empty for one queued before they were kept."""


COLUMNS = ", ".join(field.name for field in fields(Delivery))
"""The table's columns of the same names, in the order of the fields."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a delivery. http_status: 0 when there was no answer."""

    number: int
    at_us: int
    http_status: int
    latency_ms: float
    error: str


def put(connection: Connection, delivery: Delivery, body: bytes, notification_json: str = "") -> None:
    """Queue a delivery; one with the same id is there already and stays as it is. notification_json: what it says, to
    notify it again should it never arrive; empty for what is not to be notified again."""
    values = (*astuple(delivery), body, notification_json)
    columns = f"{COLUMNS}, body, notification_json"
    marks = ",".join("?" * len(values))
    connection.execute(f"INSERT OR IGNORE INTO deliveries ({columns}) VALUES ({marks})", values)


def next_for(connection: Connection, receiver: str) -> tuple[Delivery, bytes] | None:
    """The waiting delivery of a receiver that is due first, heads of groups only; None when none waits."""
    row = connection.execute(
        f"SELECT {COLUMNS}, body FROM deliveries WHERE position IN "
        "(SELECT min(position) FROM deliveries WHERE receiver = ? AND state = 'waiting' GROUP BY group_key) "
        "ORDER BY next_try_us, position LIMIT 1",
        (receiver,),
    ).fetchone()
    return (Delivery(*row[:-1]), bytes(row[-1])) if row else None


def is_waiting(connection: Connection, receiver: str, group_key: str) -> bool:
    """Whether a delivery of a group waits for a receiver."""
    query = "SELECT 1 FROM deliveries WHERE receiver = ? AND state = 'waiting' AND group_key = ? LIMIT 1"
    return connection.execute(query, (receiver, group_key)).fetchone() is not None


def list_lost(connection: Connection) -> Sequence[tuple[str, str]]:
    """Ids of the deliveries that were given up and whose alerts are to be notified again, and what they say, oldest first."""
    rows = connection.execute("SELECT id, notification_json FROM deliveries WHERE is_untold = 1 ORDER BY position")
    return [(row[0], row[1]) for row in rows]


def mark_taken_back(connection: Connection, delivery_id: str) -> None:
    """Note that what a delivery said is in its group again."""
    connection.execute("UPDATE deliveries SET is_untold = 0 WHERE id = ?", (delivery_id,))


def waiting_count(connection: Connection, receiver: str) -> int:
    """How many deliveries wait for a receiver."""
    found = connection.execute(
        "SELECT count(*) FROM deliveries WHERE receiver = ? AND state = 'waiting'", (receiver,)
    ).fetchone()
    return int(found[0])


def pull_forward(connection: Connection, receiver: str, now_us: int, pause_max_us: int) -> int:
    """Let deliveries be tried now whose next try is later than any pause allows: a clock that was ahead set it. Returns
    how many there were."""
    changed = connection.execute(
        "UPDATE deliveries SET next_try_us = ? WHERE receiver = ? AND state = 'waiting' AND next_try_us > ?",
        (now_us, receiver, now_us + pause_max_us),
    )
    return changed.rowcount


def record_attempt(connection: Connection, delivery: Delivery, answer: Answer, at_us: int) -> None:
    """Write one try into the log of a delivery, whose oldest entries leave beyond ATTEMPTS_KEPT."""
    number = delivery.attempts + 1
    values = (delivery.id, number, at_us, answer.status, answer.latency_ms, answer.error[:ERROR_CHARS_MAX])
    connection.execute("INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?, ?)", values)
    connection.execute("DELETE FROM attempts WHERE delivery = ? AND number <= ?", (delivery.id, number - ATTEMPTS_KEPT))


def postpone(connection: Connection, delivery: Delivery, at_us: int, pause_us: int, error: str) -> None:
    """Let a delivery wait for its next try. pause_us: from at_us."""
    waited_us, next_try_us = delivery.waited_us + pause_us, at_us + pause_us
    connection.execute(
        "UPDATE deliveries SET attempts = ?, waited_us = ?, next_try_us = ?, error = ? WHERE id = ?",
        (delivery.attempts + 1, waited_us, next_try_us, error[:ERROR_CHARS_MAX], delivery.id),
    )


def finish(connection: Connection, delivery_id: str, state: str, attempts: int, at_us: int, error: str) -> None:
    """End a delivery as delivered or dead."""
    connection.execute(
        "UPDATE deliveries SET state = ?, attempts = ?, finished_us = ?, error = ? WHERE id = ?",
        (state, attempts, at_us, error[:ERROR_CHARS_MAX], delivery_id),
    )


def give_up(connection: Connection, delivery_id: str) -> None:
    """Mark a dead delivery as one whose alerts are to be notified again."""
    connection.execute("UPDATE deliveries SET is_untold = 1 WHERE id = ? AND notification_json != ''", (delivery_id,))


def resend(connection: Connection, delivery_id: str, now_us: int) -> bool:
    """Put a finished delivery back into the queue, under its id, its attempts counted anew; False when there is none."""
    changed = connection.execute(
        "UPDATE deliveries SET state = 'waiting', attempts = 0, waited_us = 0, next_try_us = ?, finished_us = 0, error = '' "
        "WHERE id = ? AND state != 'waiting'",
        (now_us, delivery_id),
    )
    return changed.rowcount > 0


def list_deliveries(connection: Connection, state: str, count_max: int) -> Sequence[Delivery]:
    """Deliveries of a state, or all for the empty one, newest first."""
    where, values = ("WHERE state = ?", [state]) if state else ("", [])
    query = f"SELECT {COLUMNS} FROM deliveries {where} ORDER BY position DESC LIMIT ?"
    return [Delivery(*row) for row in connection.execute(query, [*values, count_max])]


def find(connection: Connection, delivery_id: str) -> tuple[Delivery, bytes] | None:
    """A delivery and its body."""
    row = connection.execute(f"SELECT {COLUMNS}, body FROM deliveries WHERE id = ?", (delivery_id,)).fetchone()
    return (Delivery(*row[:-1]), bytes(row[-1])) if row else None


def attempts_of(connection: Connection, delivery_id: str) -> Sequence[Attempt]:
    """The log of a delivery's tries, oldest first."""
    rows = connection.execute(
        "SELECT number, at_us, http_status, latency_ms, error FROM attempts WHERE delivery = ? ORDER BY at_us, number",
        (delivery_id,),
    )
    return [Attempt(*row) for row in rows]


def prune(connection: Connection, finished_max: int) -> None:
    """Drop the oldest finished deliveries beyond a count, with their logs."""
    keep = "SELECT position FROM deliveries WHERE state != 'waiting' ORDER BY position DESC LIMIT ?"
    old = f"state != 'waiting' AND is_untold = 0 AND position NOT IN ({keep})"
    connection.execute(f"DELETE FROM deliveries WHERE {old}", (finished_max,))
    connection.execute("DELETE FROM attempts WHERE delivery NOT IN (SELECT id FROM deliveries)")


def switch_off(connection: Connection, receiver: str, at_us: int) -> None:
    """Send nothing more to a receiver; what waits for it is dead."""
    connection.execute("INSERT OR REPLACE INTO receivers_off VALUES (?, ?)", (receiver, at_us))
    connection.execute(
        "UPDATE deliveries SET state = 'dead', finished_us = ?, error = 'the receiver is switched off' "
        "WHERE receiver = ? AND state = 'waiting'",
        (at_us, receiver),
    )


def switch_on(connection: Connection, receiver: str) -> bool:
    """Send to a receiver again; False when it was on."""
    return connection.execute("DELETE FROM receivers_off WHERE receiver = ?", (receiver,)).rowcount > 0


def switched_off(connection: Connection) -> dict[str, int]:
    """Receivers that are off, since when."""
    return {row[0]: row[1] for row in connection.execute("SELECT receiver, at_us FROM receivers_off")}
