-- Calls by hour, for the tiles of a dashboard; counted as impact_hours is, by `weir.lineage.store.counters`.

CREATE TABLE IF NOT EXISTS call_hours (
    is_all Bool COMMENT 'True for a row about the calls of all tenants.',
    tenant LowCardinality(String) COMMENT 'Tenant of the calls; empty for all tenants.',
    hour DateTime('UTC') COMMENT 'Hour in which the calls ended.',
    route LowCardinality(String) COMMENT 'Route of the calls.',
    model LowCardinality(String) COMMENT 'Model asked on the model server; empty for calls that were refused before one was chosen.',
    release_digest String COMMENT 'Release of the calls; empty when nothing was resolved.',
    calls UInt64 COMMENT 'Calls.',
    not_ok UInt64 COMMENT 'Of them those whose outcome is not ok.',
    input_tokens UInt64 COMMENT 'Prompt tokens of the calls whose model counted them.',
    output_tokens UInt64 COMMENT 'Answer tokens of the calls whose model counted them.',
    latency_ms Array(Float64) COMMENT 'Latencies of the calls, milliseconds, sorted; each stands for all within 3 % of it.',
    latency_calls Array(UInt64) COMMENT 'Calls with each of these latencies.',
    last_us Int64 COMMENT 'End of the last call, microseconds since 1970-01-01 UTC.',
    counted_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When it was counted.'
)
ENGINE = ReplacingMergeTree(counted_at)
PARTITION BY toYYYYMM(hour)
ORDER BY (is_all, tenant, hour, route, model, release_digest)
TTL toDateTime(fromUnixTimestamp64Micro(last_us, 'UTC')) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 0, index_granularity = 1024
COMMENT 'Calls by hour, tenant, route, model and release, some seconds behind the calls.';

CREATE VIEW IF NOT EXISTS v_call_hours AS
SELECT tenant, hour, route, model, release_digest, calls, not_ok, input_tokens, output_tokens, latency_ms, latency_calls
FROM call_hours FINAL WHERE NOT is_all;

CREATE VIEW IF NOT EXISTS v_call_hours_all AS
SELECT hour, route, model, release_digest, calls, not_ok, input_tokens, output_tokens, latency_ms, latency_calls
FROM call_hours FINAL WHERE is_all;
