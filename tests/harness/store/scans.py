"""The questions of the API asked of the event tables alone, which read all of them: what every shorter way has to answer."""

from __future__ import annotations

from typing import Any

from weir.lineage.read.queries import LISTED_COLUMNS
from weir.lineage.store.store import Store

Row = dict[str, Any]


def scanned_trace(store: Store, trace_id: str) -> Row | None:
    """As `queries.trace`."""
    given = {"trace_id": trace_id}
    spans = store.rows(
        "SELECT * FROM span_rows FINAL WHERE trace_id = {trace_id:String} ORDER BY start_time_us, end_time_us DESC"
        " LIMIT 1 BY span_id LIMIT 5000",
        given,
    )
    calls = store.rows(
        "SELECT * FROM v_inference_responses WHERE trace_id = {trace_id:String} ORDER BY start_time_us LIMIT 100", given
    )
    if not spans and not calls:
        return None
    ids = [str(call["request_id"]) for call in calls]
    return {
        "trace_id": trace_id,
        "spans": spans,
        "requests": calls,
        "scores": _scores(store, ids),
        "feedback": _feedback(store, ids),
        "alerts": store.rows(
            "SELECT rule, state, severity, tenant, event_time_us, span_id FROM v_alerts WHERE trace_id = {trace_id:String}"
            " ORDER BY event_time_us LIMIT 100",
            given,
        ),
    }


def scanned_request(store: Store, request_id: str) -> Row | None:
    """As `queries.request`."""
    rows = store.rows("SELECT * FROM v_inference_responses WHERE request_id = {id:String} LIMIT 1", {"id": request_id})
    if not rows:
        return None
    return {**rows[0], "scores": _scores(store, [request_id]), "feedback": _feedback(store, [request_id])}


def scanned_lineage(store: Store, request_id: str) -> Row | None:
    """As `queries.lineage`."""
    rows = store.rows(
        f"SELECT {LISTED_COLUMNS}, references, contexts FROM v_inference_responses WHERE request_id = {{id:String}} LIMIT 1",
        {"id": request_id},
    )
    if not rows:
        return None
    return {
        "request": {name: value for name, value in rows[0].items() if name not in ("references", "contexts")},
        "references": rows[0]["references"],
        "contexts": rows[0]["contexts"],
        "evaluations": _scores(store, [request_id]),
        "feedback": _feedback(store, [request_id]),
    }


def _scores(store: Store, request_ids: list[str]) -> list[Row]:
    return store.rows(
        "SELECT request_id, evaluator, evaluator_version, evaluator_digest, score, passed, label, explanation,"
        " inclusion_probability FROM v_evaluation_scores WHERE request_id IN {ids:Array(String)} ORDER BY evaluator LIMIT 1000",
        {"ids": request_ids},
    )


def _feedback(store: Store, request_ids: list[str]) -> list[Row]:
    return store.rows(
        "SELECT request_id, score, label, comment, event_time_us FROM v_feedback WHERE request_id IN {ids:Array(String)}"
        " ORDER BY event_time_us LIMIT 1000",
        {"ids": request_ids},
    )


def scanned_impact(store: Store, kind: str, name: str, digest: str, version: str) -> Row:
    """As `queries.impact`."""
    given = {"kind": kind, "name": name, "digest": digest, "version": version}
    where = (
        "kind = {kind:String} AND name = {name:String} AND ({digest:String} = '' OR digest = {digest:String})"
        " AND ({version:String} = '' OR version = {version:String})"
    )
    summary = store.rows(
        "SELECT uniqExact(request_id) AS requests, min(event_time_us) AS first_us, max(event_time_us) AS last_us,"
        " groupUniqArray(100)(route) AS routes, groupUniqArray(100)(tenant) AS tenants, groupUniqArray(100)(digest) AS digests,"
        " groupUniqArray(100)(release_digest) AS releases, countIf(outcome != 'ok') AS not_ok,"
        f" groupArraySorted(10)(request_id) AS example_request_ids FROM v_impact WHERE {where}",
        given,
    )[0]
    passages = store.rows(
        "SELECT name AS passage_id, uniqExact(request_id) AS requests, avg(score) AS mean_score FROM v_impact"
        " WHERE kind = 'passage' AND digest IN {digests:Array(String)} GROUP BY name ORDER BY requests DESC, name LIMIT 20",
        {"digests": list(summary["digests"])},
    )
    return {"kind": kind, "name": name, **summary, "passages": passages}


def scanned_call_hours(store: Store, per_tenant: bool) -> list[Row]:
    """As `v_call_hours`, or `v_call_hours_all`, in the order of hour, tenant, route, model and release."""
    tenant = "tenant, " if per_tenant else ""
    return store.rows(
        f"SELECT {tenant}toStartOfHour(event_time) AS hour, route, model, release_digest, count() AS calls,"
        " countIf(outcome != 'ok') AS not_ok, sum(ifNull(input_tokens, 0)) AS input_tokens,"
        " sum(ifNull(output_tokens, 0)) AS output_tokens, arraySort(groupArray(latency_ms)) AS latency_ms"
        f" FROM v_inference_responses GROUP BY {tenant}hour, route, model, release_digest"
        f" ORDER BY hour, {tenant}route, model, release_digest"
    )
