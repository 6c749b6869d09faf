-- What became of numbers that have no stored event; the other half of the books.

CREATE TABLE IF NOT EXISTS accounts (
    event_id String COMMENT 'UUIDv7 of this event, lower-case text; the deduplication key. Derived from its cause where the event is derived.',
    source LowCardinality(String) COMMENT 'Producer of the sequence: service and instance, for example gateway/gw-1.',
    boot_epoch Int64 COMMENT 'Start of the producer\'s life that numbered this event, microseconds since 1970-01-01 UTC.',
    seq Int64 COMMENT 'Gapless number of this event within (source, boot_epoch), counted from 0.',
    tenant LowCardinality(String) COMMENT 'Tenant the event belongs to; set from the API key, never from the caller\'s body.',
    trace_id String COMMENT 'W3C trace id, 32 lower-case hex digits; empty when the event belongs to no trace.',
    span_id String COMMENT 'W3C span id of the operation, 16 lower-case hex digits; empty when the event belongs to no span.',
    parent_span_id String COMMENT 'W3C span id of the caller\'s span, 16 lower-case hex digits; empty for a root.',
    event_time_us Int64 COMMENT 'When the fact happened, microseconds since 1970-01-01 UTC.',
    numbered_source LowCardinality(String) COMMENT 'Source whose numbers these are, for example gateway/1.',
    numbered_boot_epoch Int64 COMMENT 'Boot epoch of that source, microseconds since 1970-01-01 UTC.',
    first_seq Int64 COMMENT 'First number of the range.',
    last_seq Int64 COMMENT 'Last number of the range, included.',
    account LowCardinality(String) COMMENT 'accepted: written to the spool, so it must be stored. shed: used and not written, by policy. corrupt: written and unreadable since.',
    reason LowCardinality(String) COMMENT 'Stable word: spool_full, disk_refused or checksum for a range that is missing; empty for accepted.',
    event_time DateTime64(6, 'UTC') MATERIALIZED fromUnixTimestamp64Micro(event_time_us, 'UTC') COMMENT 'event_time_us as a time.',
    stored_at DateTime64(6, 'UTC') MATERIALIZED now64(6, 'UTC') COMMENT 'When the row was inserted.',
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(fromUnixTimestamp64Micro(event_time_us, 'UTC'))
ORDER BY (tenant, event_time_us, event_id)
TTL toDateTime(fromUnixTimestamp64Micro(event_time_us, 'UTC')) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024
COMMENT 'What became of a range of a producer\'s sequence numbers: written to the spool, shed, or unreadable in it.';

CREATE VIEW IF NOT EXISTS v_accounts AS SELECT *, event_time, stored_at FROM accounts FINAL;

CREATE OR REPLACE VIEW v_numbers AS
SELECT 'inference-requests' AS topic, source, boot_epoch, seq, event_id, event_time_us, stored_at FROM inference_requests FINAL
UNION ALL
SELECT 'inference-responses' AS topic, source, boot_epoch, seq, event_id, event_time_us, stored_at FROM inference_responses FINAL
UNION ALL
SELECT 'spans' AS topic, source, boot_epoch, seq, event_id, event_time_us, stored_at FROM spans FINAL
UNION ALL
SELECT 'feedback' AS topic, source, boot_epoch, seq, event_id, event_time_us, stored_at FROM feedback FINAL
UNION ALL
SELECT 'text-features' AS topic, source, boot_epoch, seq, event_id, event_time_us, stored_at FROM text_features FINAL
UNION ALL
SELECT 'drift-signals' AS topic, source, boot_epoch, seq, event_id, event_time_us, stored_at FROM drift_signals FINAL
UNION ALL
SELECT 'evaluation-scores' AS topic, source, boot_epoch, seq, event_id, event_time_us, stored_at FROM evaluation_scores FINAL
UNION ALL
SELECT 'registry-changes' AS topic, source, boot_epoch, seq, event_id, event_time_us, stored_at FROM registry_changes FINAL
UNION ALL
SELECT 'governance-log' AS topic, source, boot_epoch, seq, event_id, event_time_us, stored_at FROM governance_log FINAL
UNION ALL
SELECT 'alerts' AS topic, source, boot_epoch, seq, event_id, event_time_us, stored_at FROM alerts FINAL
UNION ALL
SELECT 'dead-letters' AS topic, source, boot_epoch, seq, event_id, event_time_us, stored_at FROM dead_letters FINAL
UNION ALL
SELECT 'accounts' AS topic, source, boot_epoch, seq, event_id, event_time_us, stored_at FROM accounts FINAL;
