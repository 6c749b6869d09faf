"""The statements that count calls: of an hour from its events, of a day from its hours.

A count is made whole from rows that each stand for one event (FINAL) and replaces the one before. So an event that was
inserted twice counts once, and a count that was broken off or made twice is right after the next one.
"""

from __future__ import annotations

HOUR = "toStartOfHour(fromUnixTimestamp64Micro(event_time_us, 'UTC'))"

LOOK = (
    "SELECT toUnixTimestamp64Micro(now64(6)) AS looked_us, count() AS rows, toUnixTimestamp64Micro(max(stored_at)) AS newest_us"
    " FROM inference_responses WHERE stored_at >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')"
)
"""What was stored since then, and when that was asked; a call that was inserted twice may be two rows here."""

HOURS_STORED = (
    f"SELECT arraySort(groupUniqArray(toUnixTimestamp({HOUR}))) AS hours_s FROM inference_responses"
    " WHERE stored_at >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')"
)
"""Hours of these calls, seconds since 1970-01-01; one row, so that no bound on rows can end it."""

COUNTED_UNTIL = "SELECT toUnixTimestamp64Micro(max(until)) AS until_us FROM counted WHERE what = 'calls'"
NOTE_UNTIL = "INSERT INTO counted SELECT 'calls', fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')"

IMPACT_HOURS = f"""
INSERT INTO impact_hours (hour, kind, name, versions, requests, not_ok, first_us, last_us, routes, tenants, releases, examples,
    scores)
SELECT hour, kind, name, arrayMap(one -> (one.1, one.2), found) AS versions, count(), countIf(outcome != 'ok'),
    min(event_time_us), max(event_time_us), groupUniqArray(100)(route), groupUniqArray(100)(tenant),
    groupUniqArray(100)(release_digest), groupArraySorted(10)(request_id),
    sumForEach(arrayMap(one -> toFloat64(one.3), found))
FROM (
    SELECT hour, event_time_us, request_id, any(tenant) AS tenant, any(route) AS route, any(outcome) AS outcome,
        any(release_digest) AS release_digest, kind, name, arraySort(groupArray((digest, last.1, last.2))) AS found
    FROM (
        SELECT {HOUR} AS hour, event_time_us, request_id, any(tenant) AS tenant, any(route) AS route, any(outcome) AS outcome,
            any(release_digest) AS release_digest, edge.1 AS kind, edge.2 AS name, edge.3 AS digest,
            argMax((edge.4, edge.5), place) AS last
        FROM inference_responses FINAL
        ARRAY JOIN arrayConcat(
            arrayMap(r -> (r.kind, r.name, r.digest, r.version, toFloat32(0)), references),
            arrayMap(c -> ('passage', c.passage_id, c.dataset_digest, '', c.score), contexts)) AS edge,
            range(length(references) + length(contexts)) AS place
        WHERE event_time_us >= {{from_us:Int64}} AND event_time_us < {{to_us:Int64}} AND hour IN {{hours:Array(DateTime('UTC'))}}
        GROUP BY hour, event_time_us, request_id, kind, name, digest
    )
    GROUP BY hour, event_time_us, request_id, kind, name
)
GROUP BY hour, kind, name, versions
"""
"""Of an asset that a call names twice with one digest the last counts, as in `edges_by_target`."""

IMPACT_DAY = """
INSERT INTO impact_days (hour, kind, name, versions, requests, not_ok, first_us, last_us, routes, tenants, releases, examples,
    scores)
SELECT {day:DateTime('UTC')}, kind, name, versions, sum(requests), sum(not_ok), min(first_us), max(last_us),
    groupUniqArrayArray(100)(routes), groupUniqArrayArray(100)(tenants), groupUniqArrayArray(100)(releases),
    groupArraySortedArray(10)(examples), sumForEach(scores)
FROM impact_hours FINAL
WHERE hour >= {day:DateTime('UTC')} AND hour < {day:DateTime('UTC')} + INTERVAL 1 DAY
GROUP BY kind, name, versions
"""

LATENCY_STEP = 0.05
"""Two latencies that are a step apart differ by 5 %, so none is counted as one that is more than 3 % away. Chosen: a tile over
two weeks takes twice as long with 2 %."""

STEP = f"exp(round(log(greatest(latency_ms, 0.001)) / {LATENCY_STEP}) * {LATENCY_STEP})"
"""The latency that stands for a call's; none is below a microsecond."""

CALL_HOURS = f"""
INSERT INTO call_hours (is_all, tenant, hour, route, model, release_digest, calls, not_ok, input_tokens, output_tokens,
    latency_ms, latency_calls, last_us)
SELECT is_all, if(is_all, '', tenant) AS of_tenant, {HOUR} AS hour, route, model, release_digest,
    count(), countIf(outcome != 'ok'),
    sum(ifNull(input_tokens, 0)), sum(ifNull(output_tokens, 0)),
    sumMap([{STEP}], [toUInt64(1)]).1, sumMap([{STEP}], [toUInt64(1)]).2, max(event_time_us)
FROM inference_responses FINAL ARRAY JOIN [false, true] AS is_all
WHERE event_time_us >= {{from_us:Int64}} AND event_time_us < {{to_us:Int64}} AND hour IN {{hours:Array(DateTime('UTC'))}}
GROUP BY is_all, of_tenant, hour, route, model, release_digest
"""
