-- Rows inside batch events as rows of their own, and lineage edges by source and by target.
-- Materialised views: they take part in the insert's deduplication token.

CREATE TABLE IF NOT EXISTS span_rows (
    tenant LowCardinality(String) COMMENT 'Tenant of the call.',
    trace_id String COMMENT 'W3C trace id.',
    request_id String COMMENT 'Call the span belongs to.',
    route LowCardinality(String) COMMENT 'Route of the call.',
    event_id String COMMENT 'event_id of the SpansRecorded event.',
    span_id String COMMENT 'W3C span id.',
    parent_span_id String COMMENT 'W3C span id of the parent; empty for a root.',
    name LowCardinality(String) COMMENT 'Span name.',
    kind LowCardinality(String) COMMENT 'server, client or internal.',
    service LowCardinality(String) COMMENT 'Service that did the work.',
    start_time_us Int64 COMMENT 'Start, microseconds since 1970-01-01 UTC.',
    end_time_us Int64 COMMENT 'End, microseconds since 1970-01-01 UTC.',
    status LowCardinality(String) COMMENT 'ok or error.',
    attributes Map(String, String) COMMENT 'OpenTelemetry attributes as text.',
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(fromUnixTimestamp64Micro(start_time_us, 'UTC'))
ORDER BY (tenant, route, start_time_us, trace_id, span_id)
TTL toDateTime(fromUnixTimestamp64Micro(start_time_us, 'UTC')) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024
COMMENT 'One row per span.';

CREATE MATERIALIZED VIEW IF NOT EXISTS span_rows_feed TO span_rows AS
SELECT tenant, trace_id, request_id, route, event_id,
    span.span_id AS span_id, span.parent_span_id AS parent_span_id, span.name AS name, span.kind AS kind,
    span.service AS service, span.start_time_us AS start_time_us, span.end_time_us AS end_time_us,
    span.status AS status, span.attributes AS attributes
FROM spans ARRAY JOIN spans AS span;

CREATE TABLE IF NOT EXISTS text_feature_rows (
    tenant LowCardinality(String) COMMENT 'Tenant of the stream.',
    route LowCardinality(String) COMMENT 'Route of the stream.',
    request_id String COMMENT 'Call the features describe.',
    response_event_id String COMMENT 'event_id of the InferenceCompleted event.',
    session_id String COMMENT 'Conversation of the call.',
    trace_id String COMMENT 'W3C trace id.',
    item_time_us Int64 COMMENT 'Event time of the call, microseconds since 1970-01-01 UTC.',
    outcome LowCardinality(String) COMMENT 'Outcome of the call.',
    latency_ms Float64 COMMENT 'Latency of the call, milliseconds.',
    inclusion_probability Float64 COMMENT 'Probability with which the call was embedded.',
    embedding_model LowCardinality(String) COMMENT 'Name of the embedding model.',
    prompt_words Int32 COMMENT 'Words of the prompt.',
    prompt_punctuation_share Float32 COMMENT 'Punctuation of the prompt as a share of its characters.',
    prompt_embedding Array(Float32) COMMENT 'Embedding of the prompt; empty when not embedded.' CODEC(ZSTD(1)),
    answer_words Int32 COMMENT 'Words of the answer.',
    answer_punctuation_share Float32 COMMENT 'Punctuation of the answer as a share of its characters.',
    answer_embedding Array(Float32) COMMENT 'Embedding of the answer; empty when not embedded.' CODEC(ZSTD(1)),
    INDEX by_request request_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(fromUnixTimestamp64Micro(item_time_us, 'UTC'))
ORDER BY (tenant, route, item_time_us, response_event_id)
TTL toDateTime(fromUnixTimestamp64Micro(item_time_us, 'UTC')) + INTERVAL 14 DAY
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024
COMMENT 'One row per call and its text features.';

CREATE MATERIALIZED VIEW IF NOT EXISTS text_feature_rows_feed TO text_feature_rows AS
SELECT tenant, route, item.request_id AS request_id, item.response_event_id AS response_event_id,
    item.session_id AS session_id, item.trace_id AS trace_id, item.event_time_us AS item_time_us,
    item.outcome AS outcome, item.latency_ms AS latency_ms, item.inclusion_probability AS inclusion_probability,
    embedding_model, item.prompt.words AS prompt_words, item.prompt.punctuation_share AS prompt_punctuation_share,
    item.prompt.embedding AS prompt_embedding, item.answer.words AS answer_words,
    item.answer.punctuation_share AS answer_punctuation_share, item.answer.embedding AS answer_embedding
FROM text_features ARRAY JOIN items AS item;

CREATE TABLE IF NOT EXISTS edges_by_source (
    tenant LowCardinality(String) COMMENT 'Tenant of the call.',
    request_id String COMMENT 'Call whose answer the asset took part in.',
    kind LowCardinality(String) COMMENT 'Asset kind: prompt, chain, model, dataset, index, policy or passage.',
    name String COMMENT 'Asset name; for a passage its id.',
    version String COMMENT 'Version label.',
    digest String COMMENT 'Content digest; for a passage that of its dataset.',
    score Float32 COMMENT 'Retrieval score of a passage; 0 otherwise.',
    route LowCardinality(String) COMMENT 'Route of the call.',
    outcome LowCardinality(String) COMMENT 'Outcome of the call.',
    release_digest String COMMENT 'Release of the call.',
    event_time_us Int64 COMMENT 'End of the call, microseconds since 1970-01-01 UTC.'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(fromUnixTimestamp64Micro(event_time_us, 'UTC'))
ORDER BY (request_id, kind, name, digest)
TTL toDateTime(fromUnixTimestamp64Micro(event_time_us, 'UTC')) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024
COMMENT 'What each answer was made of: walk from an answer to its assets.';

CREATE TABLE IF NOT EXISTS edges_by_target AS edges_by_source
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(fromUnixTimestamp64Micro(event_time_us, 'UTC'))
ORDER BY (kind, name, digest, event_time_us, request_id)
TTL toDateTime(fromUnixTimestamp64Micro(event_time_us, 'UTC')) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024
COMMENT 'Which answers each asset took part in: walk from an asset to its answers.';

CREATE MATERIALIZED VIEW IF NOT EXISTS edges_by_source_feed TO edges_by_source AS
SELECT tenant, request_id, edge.1 AS kind, edge.2 AS name, edge.3 AS version, edge.4 AS digest, edge.5 AS score,
    route, outcome, release_digest, event_time_us
FROM inference_responses
ARRAY JOIN arrayConcat(
    arrayMap(r -> (r.kind, r.name, r.version, r.digest, toFloat32(0)), references),
    arrayMap(c -> ('passage', c.passage_id, '', c.dataset_digest, c.score), contexts)) AS edge;

CREATE MATERIALIZED VIEW IF NOT EXISTS edges_by_target_feed TO edges_by_target AS
SELECT tenant, request_id, edge.1 AS kind, edge.2 AS name, edge.3 AS version, edge.4 AS digest, edge.5 AS score,
    route, outcome, release_digest, event_time_us
FROM inference_responses
ARRAY JOIN arrayConcat(
    arrayMap(r -> (r.kind, r.name, r.version, r.digest, toFloat32(0)), references),
    arrayMap(c -> ('passage', c.passage_id, '', c.dataset_digest, c.score), contexts)) AS edge;
