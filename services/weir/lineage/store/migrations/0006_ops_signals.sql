-- Signals about the system itself, and what the audit needs to be right about events that were sent again.

CREATE TABLE IF NOT EXISTS ops_signals (
    event_id String COMMENT 'UUIDv7 of this event, lower-case text; the deduplication key. Derived from its cause where the event is derived.',
    source LowCardinality(String) COMMENT 'Producer of the sequence: service and instance, for example gateway/gw-1.',
    boot_epoch Int64 COMMENT 'Start of the producer\'s life that numbered this event, microseconds since 1970-01-01 UTC.',
    seq Int64 COMMENT 'Gapless number of this event within (source, boot_epoch), counted from 0.',
    tenant LowCardinality(String) COMMENT 'Tenant the event belongs to; set from the API key, never from the caller\'s body.',
    trace_id String COMMENT 'W3C trace id, 32 lower-case hex digits; empty when the event belongs to no trace.',
    span_id String COMMENT 'W3C span id of the operation, 16 lower-case hex digits; empty when the event belongs to no span.',
    parent_span_id String COMMENT 'W3C span id of the caller\'s span, 16 lower-case hex digits; empty for a root.',
    event_time_us Int64 COMMENT 'When the fact happened, microseconds since 1970-01-01 UTC.',
    name LowCardinality(String) COMMENT 'What is signalled, a stable word: audit_missing, audit_corrupt or audit_duplicates.',
    subject LowCardinality(String) COMMENT 'What it is about; with the name one series, for example the store that was audited.',
    state LowCardinality(String) COMMENT 'raised: it is so. cleared: it is so no longer.',
    value Float64 COMMENT 'The number behind it, for example how many numbers are missing.',
    threshold Float64 COMMENT 'Above it the signal is raised.',
    explanation String COMMENT 'What was found, in one sentence, for the one who is called.',
    labels Map(String, String) COMMENT 'Details as names and values, for rules to match and people to read.',
    event_time DateTime64(6, 'UTC') MATERIALIZED fromUnixTimestamp64Micro(event_time_us, 'UTC') COMMENT 'event_time_us as a time.',
    stored_at DateTime64(6, 'UTC') MATERIALIZED now64(6, 'UTC') COMMENT 'When the row was inserted.',
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(fromUnixTimestamp64Micro(event_time_us, 'UTC'))
ORDER BY (tenant, event_time_us, event_id)
TTL toDateTime(fromUnixTimestamp64Micro(event_time_us, 'UTC')) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024
COMMENT 'A service found something about the system itself that somebody should know, or found it gone.';

CREATE VIEW IF NOT EXISTS v_ops_signals AS SELECT *, event_time, stored_at FROM ops_signals FINAL;

-- A derived event that is sent again after a restart keeps its id and takes a new number; the store then shows it under
-- the new one alone. This narrow table remembers every number such an event ever had, so that the audit does not take a
-- number that was replaced for one that was lost.

CREATE TABLE IF NOT EXISTS derived_numbers (
    source LowCardinality(String) COMMENT 'Producer of the sequence.',
    boot_epoch Int64 COMMENT 'Start of the producer\'s life, microseconds since 1970-01-01 UTC.',
    seq Int64 COMMENT 'Number within (source, boot_epoch).',
    topic LowCardinality(String) COMMENT 'Topic of the event.',
    event_id String COMMENT 'Event that had the number.',
    event_time_us Int64 COMMENT 'When the fact happened, microseconds since 1970-01-01 UTC.'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(fromUnixTimestamp64Micro(event_time_us, 'UTC'))
ORDER BY (source, boot_epoch, seq, event_id)
TTL toDateTime(fromUnixTimestamp64Micro(event_time_us, 'UTC')) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024
COMMENT 'Numbers that derived events had, those included that a later one replaced.';

CREATE MATERIALIZED VIEW IF NOT EXISTS derived_numbers_of_text_features TO derived_numbers AS
SELECT source, boot_epoch, seq, 'text-features' AS topic, event_id, event_time_us FROM text_features;

CREATE MATERIALIZED VIEW IF NOT EXISTS derived_numbers_of_drift_signals TO derived_numbers AS
SELECT source, boot_epoch, seq, 'drift-signals' AS topic, event_id, event_time_us FROM drift_signals;

CREATE MATERIALIZED VIEW IF NOT EXISTS derived_numbers_of_evaluation_scores TO derived_numbers AS
SELECT source, boot_epoch, seq, 'evaluation-scores' AS topic, event_id, event_time_us FROM evaluation_scores;

CREATE MATERIALIZED VIEW IF NOT EXISTS derived_numbers_of_dead_letters TO derived_numbers AS
SELECT source, boot_epoch, seq, 'dead-letters' AS topic, event_id, event_time_us FROM dead_letters;

-- What is stored already; a row that is written twice is one row.

INSERT INTO derived_numbers SELECT source, boot_epoch, seq, 'text-features', event_id, event_time_us FROM text_features;

INSERT INTO derived_numbers SELECT source, boot_epoch, seq, 'drift-signals', event_id, event_time_us FROM drift_signals;

INSERT INTO derived_numbers SELECT source, boot_epoch, seq, 'evaluation-scores', event_id, event_time_us FROM evaluation_scores;

INSERT INTO derived_numbers SELECT source, boot_epoch, seq, 'dead-letters', event_id, event_time_us FROM dead_letters;

-- A dead letter that is written again after a kill has its id and another time: its view shows one of them.

CREATE OR REPLACE VIEW v_dead_letters AS SELECT *, event_time, stored_at FROM dead_letters FINAL LIMIT 1 BY event_id;

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
SELECT 'accounts' AS topic, source, boot_epoch, seq, event_id, event_time_us, stored_at FROM accounts FINAL
UNION ALL
SELECT 'ops-signals' AS topic, source, boot_epoch, seq, event_id, event_time_us, stored_at FROM ops_signals FINAL;
