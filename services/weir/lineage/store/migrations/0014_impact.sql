-- Counts of the answers that each asset took part in, by hour and by day, so that no question about an asset reads its edges.
-- `weir.lineage.store.counters` counts an hour anew when calls of it are stored; a count is replaced, never added to.

ALTER TABLE inference_responses ADD INDEX IF NOT EXISTS by_stored stored_at TYPE minmax GRANULARITY 1;

ALTER TABLE inference_responses MATERIALIZE INDEX by_stored;

CREATE TABLE IF NOT EXISTS counted (
    what LowCardinality(String) COMMENT 'What was counted.',
    until DateTime64(6, 'UTC') COMMENT 'stored_at before which every call is in the counts.'
)
ENGINE = ReplacingMergeTree(until)
ORDER BY what
COMMENT 'How far the calls are counted.';

CREATE TABLE IF NOT EXISTS impact_hours (
    hour DateTime('UTC') COMMENT 'Hour in which the calls ended.',
    kind LowCardinality(String) COMMENT 'Asset kind: prompt, chain, model, dataset, index, policy or passage.',
    name String COMMENT 'Asset name; for a passage its id.',
    versions Array(Tuple(digest String, version String)) COMMENT 'Versions of the asset that each of these calls used, sorted.',
    versions_hash UInt64 MATERIALIZED cityHash64(versions) COMMENT 'Stands for versions in the order of the rows: an array there costs FINAL five times as much.',
    requests UInt64 COMMENT 'Calls.',
    not_ok UInt64 COMMENT 'Of them those whose outcome is not ok.',
    first_us Int64 COMMENT 'End of the first call, microseconds since 1970-01-01 UTC.',
    last_us Int64 COMMENT 'End of the last call, microseconds since 1970-01-01 UTC.',
    routes Array(String) COMMENT 'Routes of the calls, at most 100.',
    tenants Array(String) COMMENT 'Tenants of the calls, at most 100.',
    releases Array(String) COMMENT 'Releases of the calls, at most 100.',
    examples Array(String) COMMENT 'The ten smallest request ids.',
    scores Array(Float64) COMMENT 'Sum of the retrieval scores for each of the versions.',
    counted_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When it was counted.'
)
ENGINE = ReplacingMergeTree(counted_at)
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, kind, name, versions_hash)
TTL toDateTime(fromUnixTimestamp64Micro(last_us, 'UTC')) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 0, index_granularity = 1024
COMMENT 'Calls of an hour by asset; made for impact_days.';

CREATE TABLE IF NOT EXISTS impact_days AS impact_hours
ENGINE = ReplacingMergeTree(counted_at)
PARTITION BY toYYYYMM(hour)
ORDER BY (kind, name, hour, versions_hash)
TTL toDateTime(fromUnixTimestamp64Micro(last_us, 'UTC')) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 0, index_granularity = 1024
COMMENT 'Calls of a day by asset: as impact_hours, with the first hour of the day for the hour.';
