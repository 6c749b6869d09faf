"""The audit as questions to the store: what is stored, what is accounted for, and whether the log is behind."""

from __future__ import annotations

from typing import Any

from weir.lineage.adapters.backlog import Backlog
from weir.lineage.adapters.store import Store
from weir.lineage.core.audit import Accounted, LifeKey, SourceAudit, Stored, audited, confirmed, totals
from weir.lineage.core.numbered import numbers_of

LATE_S = 60
"""Seconds after its event at which a stored row counts as late. Chosen: thirty times what a trace takes."""

HOLES_MAX = 10_000
"""Holes read of all sources together; more of them are not needed to act. Chosen."""

PAYLOAD_HEX_BYTES = 600
"""Bytes of a dead letter's payload that are looked at; the numbers stand in its first 150. Chosen."""

DEAD_LETTERS_MAX = 10_000
"""Dead letters of the sink looked at, newest first. Chosen: ten times what stops a consumer."""


def audit(store: Store, backlog: Backlog, group: str) -> dict[str, Any]:
    """The books of all sources. Blocking; waits up to 10 s for the sink when something seems to be missing."""
    first = _books(store, group)
    if not any(book.missing for book in first):
        return _answer(store, first, backlog, is_settled=True)
    is_settled = backlog.caught_up()
    second = _books(store, group)
    return _answer(store, confirmed(first, second) if is_settled else second, backlog, is_settled=is_settled)


def _answer(store: Store, books: list[SourceAudit], backlog: Backlog, *, is_settled: bool) -> dict[str, Any]:
    dead = store.rows(
        "SELECT topic, reason, consumer_group, count() AS messages FROM v_dead_letters GROUP BY ALL"
        " ORDER BY topic, reason, consumer_group"
    )
    sums = totals(books)
    return {
        "sources": [book.as_json() for book in books],
        "totals": {**sums, "dead_lettered": sum(int(row["messages"]) for row in dead)},
        "dead_letters": dead,
        "in_kafka": backlog.messages(),
        "is_settled": is_settled,
    }


def _books(store: Store, group: str) -> list[SourceAudit]:
    return audited(_stored(store), _accounted(store, group))


def _stored(store: Store) -> dict[LifeKey, Stored]:
    books = store.rows(
        "SELECT source, boot_epoch, count() AS rows, uniqExact(seq) AS distinct_numbers, max(seq) AS highest,"
        f" countIf(stored_at > fromUnixTimestamp64Micro(event_time_us) + INTERVAL {LATE_S} SECOND) AS late"
        " FROM v_numbers GROUP BY source, boot_epoch"
    )
    holes = store.rows(
        "SELECT source, boot_epoch, before, seq AS after FROM ("
        "SELECT source, boot_epoch, seq, lagInFrame(seq, 1, -1) OVER (PARTITION BY source, boot_epoch ORDER BY seq"
        " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before FROM (SELECT DISTINCT source, boot_epoch, seq FROM v_numbers))"
        f" WHERE seq - before > 1 ORDER BY source, boot_epoch, seq LIMIT {HOLES_MAX}"
    )
    spans: dict[LifeKey, list[tuple[int, int]]] = {}
    for hole in holes:
        spans.setdefault(_key(hole), []).append((int(hole["before"]) + 1, int(hole["after"]) - 1))
    return {
        _key(book): Stored(
            int(book["rows"]),
            int(book["distinct_numbers"]),
            int(book["highest"]),
            int(book["late"]),
            tuple(spans.get(_key(book), ())),
        )
        for book in books
    }


def _accounted(store: Store, group: str) -> dict[LifeKey, Accounted]:
    found: dict[LifeKey, dict[str, list[tuple[int, int]]]] = {}
    accepted = store.rows(
        "SELECT numbered_source AS source, numbered_boot_epoch AS boot_epoch, min(first_seq) AS first, max(last_seq) AS last"
        " FROM v_accounts WHERE account = 'accepted' GROUP BY ALL"
    )
    explained = store.rows(
        "SELECT numbered_source AS source, numbered_boot_epoch AS boot_epoch, account, first_seq AS first, last_seq AS last"
        f" FROM v_accounts WHERE account != 'accepted' ORDER BY event_time_us DESC LIMIT {HOLES_MAX}"
    )
    for row in (*accepted, *explained):
        word = str(row.get("account", "accepted"))
        found.setdefault(_key(row), {}).setdefault(word, []).append((int(row["first"]), int(row["last"])))
    dead = store.rows(
        f"SELECT hex(substring(payload, 1, {PAYLOAD_HEX_BYTES})) AS head FROM v_dead_letters"
        f" WHERE consumer_group = {{group:String}} ORDER BY event_time_us DESC LIMIT {DEAD_LETTERS_MAX}",
        {"group": group},
    )
    for row in dead:
        numbers = numbers_of(bytes.fromhex(str(row["head"])))
        if numbers is not None:
            source, boot_epoch, seq = numbers
            found.setdefault((source, boot_epoch), {}).setdefault("dead", []).append((seq, seq))
    return {key: Accounted(**{word: tuple(spans) for word, spans in words.items()}) for key, words in found.items()}


def _key(row: dict[str, Any]) -> LifeKey:
    return str(row["source"]), int(row["boot_epoch"])
