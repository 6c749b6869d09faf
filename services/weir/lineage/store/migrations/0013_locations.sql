-- Where the rows about a trace or a call are: a question by id reads the few granules that hold its answer.
-- A hash stands for the id, since a row is found by the id itself in the end; what is located twice is found once.

CREATE TABLE IF NOT EXISTS locations (
    id UInt64 COMMENT 'cityHash64 of a trace id or a request id.',
    rows_of LowCardinality(String) COMMENT 'Table that holds rows about it.',
    tenant LowCardinality(String) COMMENT 'Tenant of these rows.',
    route LowCardinality(String) COMMENT 'Route of these rows; empty where the table is not sorted by it.',
    first_us Int64 COMMENT 'Time of the first of these rows, microseconds since 1970-01-01 UTC.',
    last_us Int64 COMMENT 'Time of the last of these rows, microseconds since 1970-01-01 UTC.'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(fromUnixTimestamp64Micro(first_us, 'UTC'))
ORDER BY (id, rows_of, tenant, route, first_us, last_us)
TTL toDateTime(fromUnixTimestamp64Micro(first_us, 'UTC')) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 256
COMMENT 'Tenant, route and time of the rows about a trace or a call.';

CREATE MATERIALIZED VIEW IF NOT EXISTS locations_of_calls TO locations AS
SELECT cityHash64(one) AS id, 'inference_responses' AS rows_of, tenant, route, event_time_us AS first_us,
    event_time_us AS last_us
FROM inference_responses ARRAY JOIN arrayFilter(text -> text != '', [request_id, trace_id]) AS one;

CREATE MATERIALIZED VIEW IF NOT EXISTS locations_of_spans TO locations AS
SELECT cityHash64(trace_id) AS id, 'span_rows' AS rows_of, tenant, route,
    arrayMin(arrayMap(span -> span.start_time_us, spans)) AS first_us,
    arrayMax(arrayMap(span -> span.start_time_us, spans)) AS last_us
FROM spans WHERE trace_id != '' AND notEmpty(spans);

CREATE MATERIALIZED VIEW IF NOT EXISTS locations_of_scores TO locations AS
SELECT cityHash64(request_id) AS id, 'evaluation_scores' AS rows_of, tenant, '' AS route, event_time_us AS first_us,
    event_time_us AS last_us
FROM evaluation_scores WHERE anchor_id = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS locations_of_feedback TO locations AS
SELECT cityHash64(request_id) AS id, 'feedback' AS rows_of, tenant, '' AS route, event_time_us AS first_us,
    event_time_us AS last_us
FROM feedback;

CREATE MATERIALIZED VIEW IF NOT EXISTS locations_of_alerts TO locations AS
SELECT cityHash64(trace_id) AS id, 'alerts' AS rows_of, tenant, '' AS route, event_time_us AS first_us,
    event_time_us AS last_us
FROM alerts WHERE trace_id != '';

-- What was stored before. A start that dies in between does it again: the same rows are one row.

INSERT INTO locations SELECT cityHash64(one), 'inference_responses', tenant, route, event_time_us, event_time_us
FROM inference_responses ARRAY JOIN arrayFilter(text -> text != '', [request_id, trace_id]) AS one;

INSERT INTO locations SELECT cityHash64(trace_id), 'span_rows', tenant, route, arrayMin(arrayMap(span -> span.start_time_us, spans)),
    arrayMax(arrayMap(span -> span.start_time_us, spans))
FROM spans WHERE trace_id != '' AND notEmpty(spans);

INSERT INTO locations SELECT cityHash64(request_id), 'evaluation_scores', tenant, '', event_time_us, event_time_us
FROM evaluation_scores WHERE anchor_id = '';

INSERT INTO locations SELECT cityHash64(request_id), 'feedback', tenant, '', event_time_us, event_time_us FROM feedback;

INSERT INTO locations SELECT cityHash64(trace_id), 'alerts', tenant, '', event_time_us, event_time_us
FROM alerts WHERE trace_id != '';
