"""The questions that the API answers, each one bounded, with its parameters bound by the engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from weir.events.request_id import bare_id
from weir.lineage.read.locations import Locations
from weir.lineage.store.counters import Counters
from weir.lineage.store.store import Store

LISTED_MAX = 1_000
"""Rows of a list at most. Arbitrary: any value from a screen (50) to `query_rows_max` (10,000) would do."""

EXAMPLES = 10
"""Example calls in an impact answer. Arbitrary: a person looks at a few; any value from 3 to 50 would do."""

Row = dict[str, Any]

LISTED_COLUMNS = (
    "request_id, trace_id, tenant, route, model, protocol, outcome, error_type, latency_ms, start_time_us, session_id,"
    " release_digest, left(user_text, 200) AS question"
)

WHOLE_CALL = "*, event_time, stored_at"
"""Columns of `v_inference_responses`, asked of the table: PREWHERE, which reads the long columns of the answer's rows alone, is
for tables. It stands before FINAL here, and may: rows of one event have one id."""


def trace(store: Store, trace_id: str) -> Row | None:
    """Spans of a trace and the calls, scores, judgements and alerts that belong to it; None for an unknown one."""
    given, here = {"trace_id": trace_id}, Locations(store, [trace_id])
    spans = here.rows(
        "span_rows",
        "SELECT * FROM span_rows FINAL PREWHERE {at} AND trace_id = {trace_id:String} ORDER BY start_time_us, end_time_us DESC"
        # A message that was handled again after a kill gave its spans again, at other times.
        " LIMIT 1 BY span_id LIMIT 5000",
        given,
    )
    calls = here.rows(
        "inference_responses",
        f"SELECT {WHOLE_CALL} FROM inference_responses FINAL PREWHERE {{at}} AND trace_id = {{trace_id:String}}"
        " ORDER BY start_time_us LIMIT 100",
        given,
    )
    if not spans and not calls:
        return None
    ids = [str(call["request_id"]) for call in calls]
    return {
        "trace_id": trace_id,
        "spans": spans,
        "requests": calls,
        **_judged(Locations(store, ids), ids),
        "alerts": here.rows(
            "alerts",
            "SELECT rule, state, severity, tenant, event_time_us, span_id FROM v_alerts"
            " WHERE {at} AND trace_id = {trace_id:String} ORDER BY event_time_us LIMIT 100",
            given,
        ),
    }


def request(store: Store, request_id: str) -> Row | None:
    """One call, whole; None for an unknown one."""
    request_id = bare_id(request_id)
    here = Locations(store, [request_id])
    found = _call(here, request_id, WHOLE_CALL)
    return None if found is None else {**found, **_judged(here, [request_id])}


def requests(store: Store, filters: Mapping[str, str], since_us: int, limit: int) -> list[Row]:
    """Calls, newest first. filters: tenant, route, outcome and text (a substring of the user's text), empty for any."""
    where, given = _filtered(filters, ("tenant", "route", "outcome", "session_id"))
    if filters.get("text"):
        where += " AND positionCaseInsensitiveUTF8(user_text, {text:String}) > 0"
        given["text"] = filters["text"]
    return store.rows(
        f"SELECT {LISTED_COLUMNS} FROM v_inference_responses WHERE event_time_us >= {{since_us:Int64}}{where}"
        " ORDER BY start_time_us DESC LIMIT {limit:UInt32}",
        {**given, "since_us": since_us, "limit": min(limit, LISTED_MAX)},
    )


def lineage(store: Store, request_id: str) -> Row | None:
    """What one answer was made of: references, passages, scores; None for an unknown call."""
    request_id = bare_id(request_id)
    here = Locations(store, [request_id])
    found = _call(here, request_id, f"{LISTED_COLUMNS}, references, contexts")
    if found is None:
        return None
    judged = _judged(here, [request_id])
    return {
        "request": {name: value for name, value in found.items() if name not in ("references", "contexts")},
        "references": found["references"],
        "contexts": found["contexts"],
        "evaluations": judged["scores"],
        "feedback": judged["feedback"],
    }


def impact(store: Store, counters: Counters, kind: str, name: str, digest: str, version: str) -> Row:
    """Which answers an asset (or one version of it) took part in. digest, version: empty for any."""
    counters.settle()
    given = {"kind": kind, "name": name, "digest": digest, "version": version}
    summary = store.rows(
        "SELECT sum(requests) AS requests, min(first_us) AS first_us, max(last_us) AS last_us,"
        " groupUniqArrayArray(100)(routes) AS routes, groupUniqArrayArray(100)(tenants) AS tenants,"
        " groupUniqArrayArray(100)(asked.digest) AS digests, groupUniqArrayArray(100)(releases) AS releases,"
        " sum(not_ok * length(asked)) AS not_ok,"
        f" groupArraySortedArray({EXAMPLES})(arrayFlatten(arrayMap(id -> arrayWithConstant(length(asked), id), examples)))"
        " AS example_request_ids FROM (SELECT *, arrayFilter(one -> ({digest:String} = '' OR one.digest = {digest:String})"
        " AND ({version:String} = '' OR one.version = {version:String}), versions) AS asked FROM impact_days FINAL"
        " PREWHERE kind = {kind:String} AND name = {name:String}) WHERE notEmpty(asked) SETTINGS max_threads = 1",
        given,
    )[0]
    passages = store.rows(
        "SELECT name AS passage_id, sum(calls) AS requests,"
        " sum(arraySum(asked)) / sum(calls * length(asked)) AS mean_score FROM (SELECT name, requests AS calls,"
        " arrayFilter((score, digest) -> digest IN {digests:Array(String)}, scores, versions.digest) AS asked"
        " FROM impact_days FINAL PREWHERE kind = 'passage') WHERE notEmpty(asked)"
        " GROUP BY name ORDER BY requests DESC, name LIMIT 20 SETTINGS max_threads = 1",
        {"digests": list(summary["digests"])},
    )
    return {"kind": kind, "name": name, **summary, "passages": passages}


DEAD_LETTER_COLUMNS = (
    "event_id, event_time_us, topic, partition, offset, consumer_group, reason, error, payload_bytes, payload_sha256"
)


def dead_letters(store: Store, filters: Mapping[str, str], limit: int) -> list[Row]:
    """Dead letters, newest first, without their payloads. filters: topic, reason and consumer_group, empty for any."""
    where, given = _filtered(filters, ("topic", "reason", "consumer_group"))
    return store.rows(
        f"SELECT {DEAD_LETTER_COLUMNS} FROM v_dead_letters WHERE 1 = 1{where}"
        " ORDER BY event_time_us DESC LIMIT {limit:UInt32}",
        {**given, "limit": min(limit, LISTED_MAX)},
    )


def dead_letter(store: Store, event_id: str) -> Row | None:
    """One dead letter with the kept part of its message, base64; None for an unknown one."""
    rows = store.rows(
        f"SELECT {DEAD_LETTER_COLUMNS}, base64Encode(ifNull(message_key, '')) AS key_base64,"
        " base64Encode(payload) AS payload_base64, length(payload) AS kept_bytes"
        " FROM v_dead_letters WHERE event_id = {id:String} LIMIT 1",
        {"id": event_id},
    )
    return rows[0] if rows else None


def _filtered(filters: Mapping[str, str], names: Iterable[str]) -> tuple[str, Row]:
    """A condition for each of the columns that a filter names, and what it is compared with."""
    given = {name: filters[name] for name in names if filters.get(name)}
    return "".join(f" AND {name} = {{{name}:String}}" for name in given), given


def _call(here: Locations, request_id: str, columns: str) -> Row | None:
    rows = here.rows(
        "inference_responses",
        f"SELECT {columns} FROM inference_responses FINAL PREWHERE {{at}} AND request_id = {{id:String}} LIMIT 1",
        {"id": request_id},
    )
    return rows[0] if rows else None


def _judged(here: Locations, request_ids: list[str]) -> Row:
    """Scores and judgements of calls. here: locations of these calls."""
    given = {"ids": request_ids}
    scores = here.rows(
        "evaluation_scores",
        "SELECT request_id, evaluator, evaluator_version, evaluator_digest, score, passed, label, explanation,"
        " inclusion_probability FROM v_evaluation_scores WHERE {at} AND request_id IN {ids:Array(String)}"
        " ORDER BY evaluator LIMIT 1000",
        given,
    )
    feedback = here.rows(
        "feedback",
        "SELECT request_id, score, label, comment, event_time_us FROM v_feedback WHERE {at} AND request_id IN {ids:Array(String)}"
        " ORDER BY event_time_us LIMIT 1000",
        given,
    )
    return {"scores": scores, "feedback": feedback}
