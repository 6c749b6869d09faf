"""The audit as questions to the store: what is stored, what is accounted for, and whether the log is behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, get_args

from weir.events import AccountKind
from weir.events.log import ProducerEpoch
from weir.lineage.audit.core.audit import (
    LATE_S,
    TIME_MAX_US,
    WHOLE,
    Accounted,
    SourceAudit,
    Stored,
    Window,
    audited,
    confirmed,
    totals,
    without_elsewhere,
)
from weir.lineage.audit.core.numbered import numbers_of
from weir.lineage.audit.core.ranges import NumberRange
from weir.lineage.store.store import Store
from weir.runtime.telemetry.logs import logger

HOLES_MAX = 10_000
"""Holes read of all sources together; more of them are not needed to act, and `is_whole` says so. Arbitrary: any
value from 1,000 to 100,000 would do; each is one row of an answer."""

PAYLOAD_HEX_BYTES = 600
"""Bytes of a dead letter's payload that are looked at; the numbers stand in its first 150, so four times that."""

DEAD_LETTERS_MAX = 10_000
"""Dead letters of the sink looked at, newest first. Chosen: ten times what stops a consumer."""

DERIVED_TOPICS = (
    "('text-features', 'drift-signals', 'evaluation-scores', 'dead-letters',"
    " 'inference-requests', 'inference-responses', 'spans')"
)
"""Topics whose producers give an event that is sent again a new number; migrations 0006 and 0017 keep the old ones. Of calls and
spans only those that came over OTLP are sent so."""

ACCOUNTS: tuple[str, ...] = get_args(AccountKind)
"""What an account says of numbers. A word that a newer producer has and this reader does not explains nothing here: the
numbers stay missing, and the log names the word."""


class Log(Protocol):
    """The log, as far as the audit asks about it. Blocking."""

    def messages(self) -> dict[str, int] | None:
        """Messages that the sink has not committed, by topic; None while the broker does not answer."""

    def caught_up(self) -> bool:
        """Wait until everything that is in the log now is committed. False when that takes too long."""


Found = dict[ProducerEpoch, dict[str, list[NumberRange]]]


@dataclass(frozen=True, slots=True)
class Audit:
    """The audit of one moment."""

    window: Window
    sources: list[SourceAudit]
    dead_letters: list[dict[str, Any]]
    """Counts by topic, reason and consumer group."""
    in_kafka: dict[str, int] | None
    is_settled: bool
    """Whether the sink had caught up with the log; else what is missing may be on its way."""
    is_whole: bool
    """Whether all holes were read."""

    @property
    def totals(self) -> dict[str, int]:
        """Sums over all sources; dead letters are counted as messages of every consumer."""
        return {**totals(self.sources), "dead_lettered": sum(int(row["messages"]) for row in self.dead_letters)}

    def as_json(self) -> dict[str, Any]:
        """For the API."""
        until_us = None if self.window.until_us == TIME_MAX_US else self.window.until_us
        return {
            "window": {"since_us": self.window.since_us, "until_us": until_us},
            "sources": [audit.as_json() for audit in self.sources],
            "totals": self.totals,
            "late_after_s": LATE_S,
            "dead_letters": self.dead_letters,
            "in_kafka": self.in_kafka,
            "is_settled": self.is_settled,
            "is_whole": self.is_whole,
        }


def audit(store: Store, log: Log, group: str, window: Window = WHOLE) -> Audit:
    """The audit of all sources. Blocking; waits up to 10 s for the sink when something seems to be missing."""
    audits, is_whole = _audits(store, group, window)
    is_settled = True
    if any(audit.missing for audit in audits):
        is_settled = log.caught_up()
        second, is_whole = _audits(store, group, window)
        audits = confirmed(audits, second) if is_settled else second
    return Audit(window, audits, _dead_letters(store, window), log.messages(), is_settled, is_whole)


def _audits(store: Store, group: str, window: Window) -> tuple[list[SourceAudit], bool]:
    counts = _counts(store, window)
    holed = sorted({str(count["source"]) for count in counts if _has_holes(count, window)})
    holes = _holes(store, window, holed) if holed else {}
    stored = {_epoch(count): _stored(count, holes.get(_epoch(count), [])) for count in counts}
    audits = audited(stored, _accounted(store, group, window, holed), window)
    lost = [audit for audit in audits if audit.missing]
    elsewhere = _elsewhere(store, lost) if lost and window != WHOLE else {}
    is_whole = all(sum(map(len, spans.values())) < HOLES_MAX for spans in (holes, elsewhere))
    return without_elsewhere(audits, elsewhere), is_whole


def _dead_letters(store: Store, window: Window) -> list[dict[str, Any]]:
    return store.rows(
        f"SELECT topic, reason, consumer_group, count() AS messages FROM v_dead_letters WHERE {_inside(window)}"
        " GROUP BY ALL ORDER BY topic, reason, consumer_group"
    )


def _counts(store: Store, window: Window) -> list[dict[str, Any]]:
    """What is stored of each producer epoch, in the window and near it."""
    inside = _inside(window)
    return store.rows(
        f"SELECT source, boot_epoch, countIf({inside}) AS rows, uniqExactIf(seq, {inside}) AS distinct_numbers,"
        f" min(seq) AS lowest, max(seq) AS highest, uniqExact(seq) AS near, countIf({inside} AND"
        f" stored_at > fromUnixTimestamp64Micro(event_time_us) + INTERVAL {LATE_S} SECOND) AS late"
        f" FROM v_numbers WHERE {_near(window)} GROUP BY source, boot_epoch"
    )


def _has_holes(count: dict[str, Any], window: Window) -> bool:
    """Whether an epoch's numbers are not all there; only then they are looked at one by one, which costs twice as much."""
    lowest, highest = int(count["lowest"]), int(count["highest"])
    is_late_start = lowest > 0 and window.holds_start_of(int(count["boot_epoch"]))
    return is_late_start or int(count["near"]) < highest - lowest + 1


def _stored(count: dict[str, Any], holes: list[NumberRange]) -> Stored:
    rows, distinct = int(count["rows"]), int(count["distinct_numbers"])
    return Stored(rows, distinct, int(count["highest"]), int(count["late"]), tuple(holes))


def _holes(store: Store, window: Window, sources: list[str]) -> dict[ProducerEpoch, list[NumberRange]]:
    """Numbers between stored ones, by epoch; a hole is as old as the row after it."""
    rows = store.rows(
        "SELECT source, boot_epoch, before, seq AS after FROM ("
        "SELECT source, boot_epoch, seq, event_time_us, lagInFrame(seq, 1, -1) OVER (PARTITION BY source, boot_epoch"
        " ORDER BY seq ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before FROM v_numbers"
        f" WHERE source IN {{sources:Array(String)}} AND {_near(window)})"
        f" WHERE seq - before > 1 AND {_inside(window)} AND (before >= 0 OR boot_epoch >= {window.from_us})"
        f" ORDER BY source, boot_epoch, seq LIMIT {HOLES_MAX}",
        {"sources": sources},
    )
    holes: dict[ProducerEpoch, list[NumberRange]] = {}
    for row in rows:
        holes.setdefault(_epoch(row), []).append(NumberRange(int(row["before"]) + 1, int(row["after"]) - 1))
    return holes


def _accounted(store: Store, group: str, window: Window, holed: list[str]) -> dict[ProducerEpoch, Accounted]:
    found, highest = Found(), dict[ProducerEpoch, int]()
    for row in (*_accounts(store, window), *_dead(store, group, window)):
        epoch, last, account = _epoch(row), int(row["last"]), str(row["account"])
        if account not in ACCOUNTS:
            logger().error(
                "account_unknown", account=account, source=epoch.source, expected=list(ACCOUNTS), effect="not counted"
            )
            continue
        found.setdefault(epoch, {}).setdefault(account, []).append(NumberRange(int(row["first"]), last))
        if row["is_inside"] and account != "accepted":
            highest[epoch] = max(highest.get(epoch, -1), last)
    for epoch, spans in (_superseded(store, window, holed) if holed else {}).items():
        found.setdefault(epoch, {})["superseded"] = spans
    return {
        epoch: Accounted(**{word: tuple(ranges) for word, ranges in words.items()}, highest=highest.get(epoch, -1))
        for epoch, words in found.items()
    }


def _accounts(store: Store, window: Window) -> list[dict[str, Any]]:
    """Accounts: what was accepted in the window, one row an epoch, and what was shed or corrupt about it or later."""
    epoch = "numbered_source AS source, numbered_boot_epoch AS boot_epoch, account"
    accepted = store.rows(
        f"SELECT {epoch}, min(first_seq) AS first, max(last_seq) AS last, 1 AS is_inside FROM v_accounts"
        f" WHERE account = 'accepted' AND {_inside(window)} GROUP BY source, boot_epoch, account"
    )
    explained = store.rows(
        f"SELECT {epoch}, first_seq AS first, last_seq AS last, {_inside(window)} AS is_inside FROM v_accounts"
        f" WHERE account != 'accepted' AND event_time_us >= {window.from_us} ORDER BY event_time_us DESC LIMIT {HOLES_MAX}"
    )
    return [*accepted, *explained]


def _dead(store: Store, group: str, window: Window) -> list[dict[str, Any]]:
    """Dead letters of the sink as one-number ranges, those whose number can be read."""
    rows = store.rows(
        f"SELECT hex(substring(payload, 1, {PAYLOAD_HEX_BYTES})) AS head, {_inside(window)} AS is_inside"
        f" FROM v_dead_letters WHERE consumer_group = {{group:String}} AND event_time_us >= {window.from_us}"
        f" ORDER BY event_time_us DESC LIMIT {DEAD_LETTERS_MAX}",
        {"group": group},
    )
    found = []
    for row in rows:
        numbers = numbers_of(bytes.fromhex(str(row["head"])))
        if numbers is not None:
            source, boot_epoch, seq = numbers
            found.append(
                {"source": source, "boot_epoch": boot_epoch, "account": "dead", "first": seq, "last": seq, **row}
            )
    return found


def _superseded(store: Store, window: Window, sources: list[str]) -> dict[ProducerEpoch, list[NumberRange]]:
    """Numbers that are not stored because their events are, under later numbers."""
    near = _near(window)
    return _ranges(
        store,
        "SELECT DISTINCT source, boot_epoch, seq FROM derived_numbers"
        f" WHERE source IN {{sources:Array(String)}} AND {near}"
        f" AND event_id IN (SELECT event_id FROM v_numbers WHERE topic IN {DERIVED_TOPICS} AND {near})"
        f" AND (source, boot_epoch, seq) NOT IN (SELECT source, boot_epoch, seq FROM v_numbers"
        f" WHERE topic IN {DERIVED_TOPICS} AND {near})",
        {"sources": sources},
    )


def _elsewhere(store: Store, lost: list[SourceAudit]) -> dict[ProducerEpoch, list[NumberRange]]:
    """What is stored or superseded, of whatever time, about where a window misses something; read only then.

    It looks at every row that is kept. Measured: 0.1 microseconds each, and an audit that has to look again does it twice.
    """
    these = (
        "source IN {sources:Array(String)} AND boot_epoch IN {epochs:Array(Int64)}"
        " AND seq BETWEEN {first:Int64} AND {last:Int64}"
    )
    derived = f"SELECT event_id FROM derived_numbers WHERE {these}"
    stored = f"SELECT event_id FROM v_numbers WHERE topic IN {DERIVED_TOPICS} AND event_id IN ({derived})"
    return _ranges(
        store,
        f"SELECT source, boot_epoch, seq FROM v_numbers WHERE {these} UNION DISTINCT"
        f" SELECT source, boot_epoch, seq FROM derived_numbers WHERE {these} AND event_id IN ({stored})",
        {
            "sources": sorted({audit.source for audit in lost}),
            "epochs": sorted({audit.boot_epoch for audit in lost}),
            "first": min(audit.missing[0].first for audit in lost),
            "last": max(audit.missing[-1].last for audit in lost),
        },
    )


def _ranges(store: Store, numbers: str, parameters: dict[str, Any]) -> dict[ProducerEpoch, list[NumberRange]]:
    """The rows (source, boot_epoch, seq) of the query `numbers`, each once, as ranges by epoch; HOLES_MAX of them."""
    rows = store.rows(
        "SELECT source, boot_epoch, min(seq) AS first, max(seq) AS last FROM ("
        "SELECT source, boot_epoch, seq, seq - row_number() OVER (PARTITION BY source, boot_epoch ORDER BY seq) AS run"
        f" FROM ({numbers}))"
        f" GROUP BY source, boot_epoch, run ORDER BY source, boot_epoch, first LIMIT {HOLES_MAX}",
        parameters,
    )
    found: dict[ProducerEpoch, list[NumberRange]] = {}
    for row in rows:
        found.setdefault(_epoch(row), []).append(NumberRange(int(row["first"]), int(row["last"])))
    return found


def _inside(window: Window) -> str:
    return f"(event_time_us >= {window.since_us} AND event_time_us < {window.until_us})"


def _near(window: Window) -> str:
    return f"(event_time_us >= {window.from_us} AND event_time_us < {window.to_us})"


def _epoch(row: dict[str, Any]) -> ProducerEpoch:
    return ProducerEpoch(str(row["source"]), int(row["boot_epoch"]))
