-- One wide, append-only table per event; columns are the fields of its Avro schema, comments their docs.
-- ReplacingMergeTree under exact-range inserts: a repeated event is one row in the v_ views.

CREATE TABLE IF NOT EXISTS alerts (
    event_id String COMMENT 'UUIDv7 of this event, lower-case text; the deduplication key. Derived from its cause where the event is derived.',
    source LowCardinality(String) COMMENT 'Producer of the sequence: service and instance, for example gateway/gw-1.',
    boot_epoch Int64 COMMENT 'Start of the producer\'s life that numbered this event, microseconds since 1970-01-01 UTC.',
    seq Int64 COMMENT 'Gapless number of this event within (source, boot_epoch), counted from 0.',
    tenant LowCardinality(String) COMMENT 'Tenant the event belongs to; set from the API key, never from the caller\'s body.',
    trace_id String COMMENT 'W3C trace id, 32 lower-case hex digits; empty when the event belongs to no trace.',
    span_id String COMMENT 'W3C span id of the operation, 16 lower-case hex digits; empty when the event belongs to no span.',
    parent_span_id String COMMENT 'W3C span id of the caller\'s span, 16 lower-case hex digits; empty for a root.',
    event_time_us Int64 COMMENT 'When the fact happened, microseconds since 1970-01-01 UTC.',
    fingerprint String COMMENT 'Hash of the label set, 16 hex digits; the same labels are the same alert.',
    rule LowCardinality(String) COMMENT 'Name of the rule.',
    rule_digest String COMMENT 'Digest of the rule\'s definition.',
    state LowCardinality(String) COMMENT 'inactive, pending, firing or resolved.',
    severity LowCardinality(String) COMMENT 'page, warn or info.',
    group_key String COMMENT 'Key of the notification group.',
    value Float64 COMMENT 'Value that the rule compared.',
    threshold Float64 COMMENT 'Value it was compared with.',
    starts_at_us Int64 COMMENT 'When it began to fire, microseconds since 1970-01-01 UTC; 0 when it never did.',
    ends_at_us Int64 COMMENT 'When it was resolved, microseconds since 1970-01-01 UTC; 0 while firing.',
    cause_event_id String COMMENT 'event_id of the signal or score that caused the change.',
    labels Map(String, String) COMMENT 'Labels that identify the alert.',
    annotations Map(String, String) COMMENT 'Text for a person and links; never prompt or answer text.',
    event_time DateTime64(6, 'UTC') MATERIALIZED fromUnixTimestamp64Micro(event_time_us, 'UTC') COMMENT 'event_time_us as a time.',
    stored_at DateTime64(6, 'UTC') MATERIALIZED now64(6, 'UTC') COMMENT 'When the row was inserted.',
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(fromUnixTimestamp64Micro(event_time_us, 'UTC'))
ORDER BY (tenant, event_time_us, event_id)
TTL toDateTime(fromUnixTimestamp64Micro(event_time_us, 'UTC')) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024
COMMENT 'An alert changed its state.';

CREATE TABLE IF NOT EXISTS dead_letters (
    event_id String COMMENT 'UUIDv7 of this event, lower-case text; the deduplication key. Derived from its cause where the event is derived.',
    source LowCardinality(String) COMMENT 'Producer of the sequence: service and instance, for example gateway/gw-1.',
    boot_epoch Int64 COMMENT 'Start of the producer\'s life that numbered this event, microseconds since 1970-01-01 UTC.',
    seq Int64 COMMENT 'Gapless number of this event within (source, boot_epoch), counted from 0.',
    tenant LowCardinality(String) COMMENT 'Tenant the event belongs to; set from the API key, never from the caller\'s body.',
    trace_id String COMMENT 'W3C trace id, 32 lower-case hex digits; empty when the event belongs to no trace.',
    span_id String COMMENT 'W3C span id of the operation, 16 lower-case hex digits; empty when the event belongs to no span.',
    parent_span_id String COMMENT 'W3C span id of the caller\'s span, 16 lower-case hex digits; empty for a root.',
    event_time_us Int64 COMMENT 'When the fact happened, microseconds since 1970-01-01 UTC.',
    topic LowCardinality(String) COMMENT 'Topic of the message.',
    partition Int32 COMMENT 'Partition of the message.',
    offset Int64 COMMENT 'Offset of the message.',
    consumer_group LowCardinality(String) COMMENT 'Consumer group that put it aside.',
    reason LowCardinality(String) COMMENT 'Stable word: null_payload, oversized, bad_magic, unknown_schema, wrong_event, undecodable, rejected_by_store or handler_error.',
    error String COMMENT 'What happened, which value, what was expected.',
    message_key Nullable(String) COMMENT 'Key of the message; null when it had none.',
    payload String COMMENT 'The message\'s value, cut at 262144 bytes.' CODEC(ZSTD(3)),
    payload_bytes Int64 COMMENT 'Full size of the value, bytes.',
    payload_sha256 String COMMENT 'SHA-256 of the full value, 64 hex digits.',
    event_time DateTime64(6, 'UTC') MATERIALIZED fromUnixTimestamp64Micro(event_time_us, 'UTC') COMMENT 'event_time_us as a time.',
    stored_at DateTime64(6, 'UTC') MATERIALIZED now64(6, 'UTC') COMMENT 'When the row was inserted.',
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(fromUnixTimestamp64Micro(event_time_us, 'UTC'))
ORDER BY (tenant, event_time_us, event_id)
TTL toDateTime(fromUnixTimestamp64Micro(event_time_us, 'UTC')) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024
COMMENT 'A consumer could not handle a message and put it aside.';

CREATE TABLE IF NOT EXISTS drift_signals (
    event_id String COMMENT 'UUIDv7 of this event, lower-case text; the deduplication key. Derived from its cause where the event is derived.',
    source LowCardinality(String) COMMENT 'Producer of the sequence: service and instance, for example gateway/gw-1.',
    boot_epoch Int64 COMMENT 'Start of the producer\'s life that numbered this event, microseconds since 1970-01-01 UTC.',
    seq Int64 COMMENT 'Gapless number of this event within (source, boot_epoch), counted from 0.',
    tenant LowCardinality(String) COMMENT 'Tenant the event belongs to; set from the API key, never from the caller\'s body.',
    trace_id String COMMENT 'W3C trace id, 32 lower-case hex digits; empty when the event belongs to no trace.',
    span_id String COMMENT 'W3C span id of the operation, 16 lower-case hex digits; empty when the event belongs to no span.',
    parent_span_id String COMMENT 'W3C span id of the caller\'s span, 16 lower-case hex digits; empty for a root.',
    event_time_us Int64 COMMENT 'When the fact happened, microseconds since 1970-01-01 UTC.',
    route LowCardinality(String) COMMENT 'Route of the monitored stream.',
    detector LowCardinality(String) COMMENT 'Name of the detector bank.',
    config_digest String COMMENT 'Digest of the detector\'s settings, sha256: and 64 hex digits.',
    state LowCardinality(String) COMMENT 'warming, monitoring, fired or cleared.',
    level LowCardinality(String) COMMENT 'warn or page; empty for warming and monitoring.',
    part LowCardinality(String) COMMENT 'Detector part that fired, for example knn_novelty; empty when none did.',
    statistic Float64 COMMENT 'Value of the part\'s statistic at this event.',
    threshold Float64 COMMENT 'Value at which the part fires.',
    arl_target Float64 COMMENT 'Promised mean number of events to a false alarm at this level.',
    event_index Int64 COMMENT 'Events of the stream that the detector had seen, this one included.',
    since_event_index Int64 COMMENT 'Estimated event index at which the change began; -1 when not estimated.',
    since_time_us Int64 COMMENT 'Event time of that event, microseconds since 1970-01-01 UTC; 0 when not estimated.',
    reference_version String COMMENT 'Version of the reference the stream is compared with; empty while warming.',
    reference_digest String COMMENT 'Digest of that reference; empty while warming.',
    reference_events Int32 COMMENT 'Events in the reference, or gathered so far while warming.',
    trigger_request_id String COMMENT 'Call at which the state changed.',
    example_request_ids Array(String) COMMENT 'Calls that show the change best, most novel first; at most 10.',
    explanation String COMMENT 'One sentence for a person: what changed, against what.',
    event_time DateTime64(6, 'UTC') MATERIALIZED fromUnixTimestamp64Micro(event_time_us, 'UTC') COMMENT 'event_time_us as a time.',
    stored_at DateTime64(6, 'UTC') MATERIALIZED now64(6, 'UTC') COMMENT 'When the row was inserted.',
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(fromUnixTimestamp64Micro(event_time_us, 'UTC'))
ORDER BY (tenant, event_time_us, event_id)
TTL toDateTime(fromUnixTimestamp64Micro(event_time_us, 'UTC')) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024
COMMENT 'A drift detector changed its state on a monitored stream.';

CREATE TABLE IF NOT EXISTS evaluation_scores (
    event_id String COMMENT 'UUIDv7 of this event, lower-case text; the deduplication key. Derived from its cause where the event is derived.',
    source LowCardinality(String) COMMENT 'Producer of the sequence: service and instance, for example gateway/gw-1.',
    boot_epoch Int64 COMMENT 'Start of the producer\'s life that numbered this event, microseconds since 1970-01-01 UTC.',
    seq Int64 COMMENT 'Gapless number of this event within (source, boot_epoch), counted from 0.',
    tenant LowCardinality(String) COMMENT 'Tenant the event belongs to; set from the API key, never from the caller\'s body.',
    trace_id String COMMENT 'W3C trace id, 32 lower-case hex digits; empty when the event belongs to no trace.',
    span_id String COMMENT 'W3C span id of the operation, 16 lower-case hex digits; empty when the event belongs to no span.',
    parent_span_id String COMMENT 'W3C span id of the caller\'s span, 16 lower-case hex digits; empty for a root.',
    event_time_us Int64 COMMENT 'When the fact happened, microseconds since 1970-01-01 UTC.',
    request_id String COMMENT 'Call that was scored.',
    response_event_id String COMMENT 'event_id of the InferenceCompleted event that was scored.',
    route LowCardinality(String) COMMENT 'Route of the call.',
    evaluator LowCardinality(String) COMMENT 'Evaluator name.',
    evaluator_version String COMMENT 'Evaluator version.',
    evaluator_digest String COMMENT 'Digest of the evaluator\'s definition, sha256: and 64 hex digits.',
    score Float64 COMMENT 'Score, 0 to 1 unless the evaluator says otherwise.',
    passed Nullable(Bool) COMMENT 'Whether the score meets the evaluator\'s threshold; null when it has none.',
    label LowCardinality(String) COMMENT 'Stable word for the finding, for example email; empty when none.',
    explanation String COMMENT 'Short reason without prompt or answer text.',
    inclusion_probability Float64 COMMENT 'Probability with which this call was sampled for this evaluator, above 0 to 1.',
    sampling_salt String COMMENT 'Salt of the deterministic sampling hash.',
    references Array(Tuple(kind String, name String, version String, digest String)) COMMENT 'Assets pinned for this call, each with its digest. Unit: none.',
    release_digest String COMMENT 'Digest over all references of the call, sha256: and 64 hex digits; empty when nothing was resolved.',
    event_time DateTime64(6, 'UTC') MATERIALIZED fromUnixTimestamp64Micro(event_time_us, 'UTC') COMMENT 'event_time_us as a time.',
    stored_at DateTime64(6, 'UTC') MATERIALIZED now64(6, 'UTC') COMMENT 'When the row was inserted.',
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_request request_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(fromUnixTimestamp64Micro(event_time_us, 'UTC'))
ORDER BY (tenant, event_time_us, event_id)
TTL toDateTime(fromUnixTimestamp64Micro(event_time_us, 'UTC')) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024
COMMENT 'An evaluator scored one completed call.';

CREATE TABLE IF NOT EXISTS feedback (
    event_id String COMMENT 'UUIDv7 of this event, lower-case text; the deduplication key. Derived from its cause where the event is derived.',
    source LowCardinality(String) COMMENT 'Producer of the sequence: service and instance, for example gateway/gw-1.',
    boot_epoch Int64 COMMENT 'Start of the producer\'s life that numbered this event, microseconds since 1970-01-01 UTC.',
    seq Int64 COMMENT 'Gapless number of this event within (source, boot_epoch), counted from 0.',
    tenant LowCardinality(String) COMMENT 'Tenant the event belongs to; set from the API key, never from the caller\'s body.',
    trace_id String COMMENT 'W3C trace id, 32 lower-case hex digits; empty when the event belongs to no trace.',
    span_id String COMMENT 'W3C span id of the operation, 16 lower-case hex digits; empty when the event belongs to no span.',
    parent_span_id String COMMENT 'W3C span id of the caller\'s span, 16 lower-case hex digits; empty for a root.',
    event_time_us Int64 COMMENT 'When the fact happened, microseconds since 1970-01-01 UTC.',
    request_id String COMMENT 'Call that was judged.',
    score Float64 COMMENT '-1 (bad) to 1 (good).',
    label LowCardinality(String) COMMENT 'Stable word, for example thumbs_down; empty when none.',
    comment String COMMENT 'The user\'s words, cut at 4,096 characters.',
    event_time DateTime64(6, 'UTC') MATERIALIZED fromUnixTimestamp64Micro(event_time_us, 'UTC') COMMENT 'event_time_us as a time.',
    stored_at DateTime64(6, 'UTC') MATERIALIZED now64(6, 'UTC') COMMENT 'When the row was inserted.',
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_request request_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(fromUnixTimestamp64Micro(event_time_us, 'UTC'))
ORDER BY (tenant, event_time_us, event_id)
TTL toDateTime(fromUnixTimestamp64Micro(event_time_us, 'UTC')) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024
COMMENT 'A user judged an answer.';

CREATE TABLE IF NOT EXISTS governance_log (
    event_id String COMMENT 'UUIDv7 of this event, lower-case text; the deduplication key. Derived from its cause where the event is derived.',
    source LowCardinality(String) COMMENT 'Producer of the sequence: service and instance, for example gateway/gw-1.',
    boot_epoch Int64 COMMENT 'Start of the producer\'s life that numbered this event, microseconds since 1970-01-01 UTC.',
    seq Int64 COMMENT 'Gapless number of this event within (source, boot_epoch), counted from 0.',
    tenant LowCardinality(String) COMMENT 'Tenant the event belongs to; set from the API key, never from the caller\'s body.',
    trace_id String COMMENT 'W3C trace id, 32 lower-case hex digits; empty when the event belongs to no trace.',
    span_id String COMMENT 'W3C span id of the operation, 16 lower-case hex digits; empty when the event belongs to no span.',
    parent_span_id String COMMENT 'W3C span id of the caller\'s span, 16 lower-case hex digits; empty for a root.',
    event_time_us Int64 COMMENT 'When the fact happened, microseconds since 1970-01-01 UTC.',
    actor String COMMENT 'Who asked.',
    action LowCardinality(String) COMMENT 'What was asked, for example asset.apply or alias.move.',
    kind LowCardinality(String) COMMENT 'Kind of the object.',
    name String COMMENT 'Name of the object.',
    digest String COMMENT 'Digest of the object; empty when there is none.',
    decision LowCardinality(String) COMMENT 'executed or refused.',
    reason LowCardinality(String) COMMENT 'Why; empty when executed without remark.',
    previous_hash String COMMENT 'Hash of the record before, 64 hex digits.',
    record_hash String COMMENT 'SHA-256 over the previous hash and this record, 64 hex digits.',
    event_time DateTime64(6, 'UTC') MATERIALIZED fromUnixTimestamp64Micro(event_time_us, 'UTC') COMMENT 'event_time_us as a time.',
    stored_at DateTime64(6, 'UTC') MATERIALIZED now64(6, 'UTC') COMMENT 'When the row was inserted.',
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(fromUnixTimestamp64Micro(event_time_us, 'UTC'))
ORDER BY (tenant, event_time_us, event_id)
TTL toDateTime(fromUnixTimestamp64Micro(event_time_us, 'UTC')) + INTERVAL 365 DAY
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024
COMMENT 'A governed action was executed or refused.';

CREATE TABLE IF NOT EXISTS inference_requests (
    event_id String COMMENT 'UUIDv7 of this event, lower-case text; the deduplication key. Derived from its cause where the event is derived.',
    source LowCardinality(String) COMMENT 'Producer of the sequence: service and instance, for example gateway/gw-1.',
    boot_epoch Int64 COMMENT 'Start of the producer\'s life that numbered this event, microseconds since 1970-01-01 UTC.',
    seq Int64 COMMENT 'Gapless number of this event within (source, boot_epoch), counted from 0.',
    tenant LowCardinality(String) COMMENT 'Tenant the event belongs to; set from the API key, never from the caller\'s body.',
    trace_id String COMMENT 'W3C trace id, 32 lower-case hex digits; empty when the event belongs to no trace.',
    span_id String COMMENT 'W3C span id of the operation, 16 lower-case hex digits; empty when the event belongs to no span.',
    parent_span_id String COMMENT 'W3C span id of the caller\'s span, 16 lower-case hex digits; empty for a root.',
    event_time_us Int64 COMMENT 'When the fact happened, microseconds since 1970-01-01 UTC.',
    request_id String COMMENT 'UUIDv7 the gateway gave the call; returned to the client as weir-request-id.',
    client_request_id String COMMENT 'Identifier the client put into its request; empty when none.',
    session_id String COMMENT 'Conversation the call belongs to (weir-session); empty when the client named none.',
    protocol LowCardinality(String) COMMENT 'Way in: oip-grpc, oip-grpc-stream, openai-chat, openai-chat-stream or openai-embeddings.',
    operation LowCardinality(String) COMMENT 'gen_ai.operation.name of OpenTelemetry: chat, text_completion, embeddings or inference.',
    route LowCardinality(String) COMMENT 'Name the client asked for (chain or model); with the tenant it names the monitored stream.',
    model LowCardinality(String) COMMENT 'Model asked on the model server; empty when the call was refused before one was chosen.',
    input_text String COMMENT 'Prompt as the model received it, cut at the capture limit; empty when the input holds no text.' CODEC(ZSTD(3)),
    user_text String COMMENT 'The user\'s own words within the prompt (the last user message), cut at the capture limit; equals input_text where no template was applied.' CODEC(ZSTD(3)),
    input_truncated Bool COMMENT 'True when input_text was cut at the capture limit.',
    input_bytes Int64 COMMENT 'Size of the request message on the wire, bytes.',
    parameters_json String COMMENT 'Sampling parameters of the request as one JSON object; {} when none.',
    deadline_ms Nullable(Int64) COMMENT 'Time the client allowed for the call, milliseconds; null when it set no deadline.',
    references Array(Tuple(kind String, name String, version String, digest String)) COMMENT 'Assets pinned for this call, each with its digest. Unit: none.',
    release_digest String COMMENT 'Digest over all references of the call, sha256: and 64 hex digits; empty when nothing was resolved.',
    event_time DateTime64(6, 'UTC') MATERIALIZED fromUnixTimestamp64Micro(event_time_us, 'UTC') COMMENT 'event_time_us as a time.',
    stored_at DateTime64(6, 'UTC') MATERIALIZED now64(6, 'UTC') COMMENT 'When the row was inserted.',
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_request request_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(fromUnixTimestamp64Micro(event_time_us, 'UTC'))
ORDER BY (tenant, route, event_time_us, event_id)
TTL toDateTime(fromUnixTimestamp64Micro(event_time_us, 'UTC')) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024
COMMENT 'A call was accepted by the gateway and is about to be sent upstream.';

CREATE TABLE IF NOT EXISTS inference_responses (
    event_id String COMMENT 'UUIDv7 of this event, lower-case text; the deduplication key. Derived from its cause where the event is derived.',
    source LowCardinality(String) COMMENT 'Producer of the sequence: service and instance, for example gateway/gw-1.',
    boot_epoch Int64 COMMENT 'Start of the producer\'s life that numbered this event, microseconds since 1970-01-01 UTC.',
    seq Int64 COMMENT 'Gapless number of this event within (source, boot_epoch), counted from 0.',
    tenant LowCardinality(String) COMMENT 'Tenant the event belongs to; set from the API key, never from the caller\'s body.',
    trace_id String COMMENT 'W3C trace id, 32 lower-case hex digits; empty when the event belongs to no trace.',
    span_id String COMMENT 'W3C span id of the operation, 16 lower-case hex digits; empty when the event belongs to no span.',
    parent_span_id String COMMENT 'W3C span id of the caller\'s span, 16 lower-case hex digits; empty for a root.',
    event_time_us Int64 COMMENT 'When the fact happened, microseconds since 1970-01-01 UTC.',
    request_id String COMMENT 'UUIDv7 the gateway gave the call; returned to the client as weir-request-id.',
    client_request_id String COMMENT 'Identifier the client put into its request; empty when none.',
    session_id String COMMENT 'Conversation the call belongs to (weir-session); empty when the client named none.',
    protocol LowCardinality(String) COMMENT 'Way in: oip-grpc, oip-grpc-stream, openai-chat, openai-chat-stream or openai-embeddings.',
    operation LowCardinality(String) COMMENT 'gen_ai.operation.name of OpenTelemetry: chat, text_completion, embeddings or inference.',
    route LowCardinality(String) COMMENT 'Name the client asked for (chain or model); with the tenant it names the monitored stream.',
    model LowCardinality(String) COMMENT 'Model asked on the model server; empty when the call was refused before one was chosen.',
    input_text String COMMENT 'Prompt as the model received it, cut at the capture limit; empty when the input holds no text.' CODEC(ZSTD(3)),
    user_text String COMMENT 'The user\'s own words within the prompt (the last user message), cut at the capture limit; equals input_text where no template was applied.' CODEC(ZSTD(3)),
    input_truncated Bool COMMENT 'True when input_text was cut at the capture limit.',
    input_bytes Int64 COMMENT 'Size of the request message on the wire, bytes.',
    parameters_json String COMMENT 'Sampling parameters of the request as one JSON object; {} when none.',
    request_event_id String COMMENT 'event_id of the InferenceRequested event of the same call; empty when the call was refused before one was written.',
    start_time_us Int64 COMMENT 'When the gateway received the call, microseconds since 1970-01-01 UTC.',
    latency_ms Float64 COMMENT 'From receiving the call to its last byte, milliseconds.',
    time_to_first_token_ms Nullable(Float64) COMMENT 'From receiving the call to the first streamed piece, milliseconds; null when not streamed.',
    outcome LowCardinality(String) COMMENT 'ok, refused (by the gateway or the inference service), failed (by the model or its input), cancelled (by the client), upstream_lost or aborted (the gateway died).',
    status_code Int32 COMMENT 'gRPC status code number of the call, 0 to 16.',
    http_status Nullable(Int32) COMMENT 'HTTP status sent to the client; null on gRPC.',
    error_type LowCardinality(String) COMMENT 'Stable word for the error, for example model_not_found; empty on success.',
    error_message String COMMENT 'Error text sent to the client; empty on success.' CODEC(ZSTD(3)),
    output_text String COMMENT 'Answer text, cut at the capture limit; partial when the outcome is not ok.' CODEC(ZSTD(3)),
    output_truncated Bool COMMENT 'True when output_text was cut at the capture limit.',
    output_bytes Int64 COMMENT 'Size of the response messages on the wire, bytes.',
    finish_reason LowCardinality(String) COMMENT 'stop, length, error or empty when the model said none.',
    input_tokens Nullable(Int32) COMMENT 'Prompt tokens as the model counted them; null when it did not.',
    output_tokens Nullable(Int32) COMMENT 'Answer tokens as the model counted them; null when it did not.',
    seed Nullable(Int64) COMMENT 'Sampling seed of the request; null when none was set.',
    contexts Array(Tuple(passage_id String, dataset String, dataset_digest String, score Float32, text String)) COMMENT 'Passages the model says it used, best first.' CODEC(ZSTD(3)),
    references Array(Tuple(kind String, name String, version String, digest String)) COMMENT 'Assets pinned for this call, each with its digest. Unit: none.',
    release_digest String COMMENT 'Digest over all references of the call, sha256: and 64 hex digits; empty when nothing was resolved.',
    event_time DateTime64(6, 'UTC') MATERIALIZED fromUnixTimestamp64Micro(event_time_us, 'UTC') COMMENT 'event_time_us as a time.',
    stored_at DateTime64(6, 'UTC') MATERIALIZED now64(6, 'UTC') COMMENT 'When the row was inserted.',
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_request request_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(fromUnixTimestamp64Micro(event_time_us, 'UTC'))
ORDER BY (tenant, route, event_time_us, event_id)
TTL toDateTime(fromUnixTimestamp64Micro(event_time_us, 'UTC')) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024
COMMENT 'A call ended: answered, refused, failed, cancelled or lost. Self-contained: it repeats what the request event said.';

CREATE TABLE IF NOT EXISTS registry_changes (
    event_id String COMMENT 'UUIDv7 of this event, lower-case text; the deduplication key. Derived from its cause where the event is derived.',
    source LowCardinality(String) COMMENT 'Producer of the sequence: service and instance, for example gateway/gw-1.',
    boot_epoch Int64 COMMENT 'Start of the producer\'s life that numbered this event, microseconds since 1970-01-01 UTC.',
    seq Int64 COMMENT 'Gapless number of this event within (source, boot_epoch), counted from 0.',
    tenant LowCardinality(String) COMMENT 'Tenant the event belongs to; set from the API key, never from the caller\'s body.',
    trace_id String COMMENT 'W3C trace id, 32 lower-case hex digits; empty when the event belongs to no trace.',
    span_id String COMMENT 'W3C span id of the operation, 16 lower-case hex digits; empty when the event belongs to no span.',
    parent_span_id String COMMENT 'W3C span id of the caller\'s span, 16 lower-case hex digits; empty for a root.',
    event_time_us Int64 COMMENT 'When the fact happened, microseconds since 1970-01-01 UTC.',
    revision Int64 COMMENT 'Number of the change in the registry, counted from 1.',
    change LowCardinality(String) COMMENT 'version_created or alias_moved.',
    kind LowCardinality(String) COMMENT 'Asset kind: prompt, chain, model, dataset, policy, evaluator or rule.',
    name String COMMENT 'Asset name.',
    version String COMMENT 'Version label the change is about.',
    digest String COMMENT 'Content digest of that version, sha256: and 64 hex digits.',
    alias LowCardinality(String) COMMENT 'Alias that was moved, for example prod; empty for version_created.',
    previous_digest String COMMENT 'Digest the alias pointed to before; empty when none.',
    body_json String COMMENT 'Canonical JSON of the version\'s specification.' CODEC(ZSTD(3)),
    author String COMMENT 'Who made the change.',
    event_time DateTime64(6, 'UTC') MATERIALIZED fromUnixTimestamp64Micro(event_time_us, 'UTC') COMMENT 'event_time_us as a time.',
    stored_at DateTime64(6, 'UTC') MATERIALIZED now64(6, 'UTC') COMMENT 'When the row was inserted.',
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(fromUnixTimestamp64Micro(event_time_us, 'UTC'))
ORDER BY (tenant, event_time_us, event_id)
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024
COMMENT 'An asset version was created or an alias was moved.';

CREATE TABLE IF NOT EXISTS spans (
    event_id String COMMENT 'UUIDv7 of this event, lower-case text; the deduplication key. Derived from its cause where the event is derived.',
    source LowCardinality(String) COMMENT 'Producer of the sequence: service and instance, for example gateway/gw-1.',
    boot_epoch Int64 COMMENT 'Start of the producer\'s life that numbered this event, microseconds since 1970-01-01 UTC.',
    seq Int64 COMMENT 'Gapless number of this event within (source, boot_epoch), counted from 0.',
    tenant LowCardinality(String) COMMENT 'Tenant the event belongs to; set from the API key, never from the caller\'s body.',
    trace_id String COMMENT 'W3C trace id, 32 lower-case hex digits; empty when the event belongs to no trace.',
    span_id String COMMENT 'W3C span id of the operation, 16 lower-case hex digits; empty when the event belongs to no span.',
    parent_span_id String COMMENT 'W3C span id of the caller\'s span, 16 lower-case hex digits; empty for a root.',
    event_time_us Int64 COMMENT 'When the fact happened, microseconds since 1970-01-01 UTC.',
    request_id String COMMENT 'Call the spans belong to; empty when they came over OTLP.',
    route LowCardinality(String) COMMENT 'Route of the call.',
    spans Array(Tuple(span_id String, parent_span_id String, name String, kind String, service String, start_time_us Int64, end_time_us Int64, status String, attributes Map(String, String))) COMMENT 'Spans of the call, parents before children.' CODEC(ZSTD(3)),
    event_time DateTime64(6, 'UTC') MATERIALIZED fromUnixTimestamp64Micro(event_time_us, 'UTC') COMMENT 'event_time_us as a time.',
    stored_at DateTime64(6, 'UTC') MATERIALIZED now64(6, 'UTC') COMMENT 'When the row was inserted.',
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_request request_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(fromUnixTimestamp64Micro(event_time_us, 'UTC'))
ORDER BY (tenant, event_time_us, event_id)
TTL toDateTime(fromUnixTimestamp64Micro(event_time_us, 'UTC')) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024
COMMENT 'The spans of one call became known.';

CREATE TABLE IF NOT EXISTS text_features (
    event_id String COMMENT 'UUIDv7 of this event, lower-case text; the deduplication key. Derived from its cause where the event is derived.',
    source LowCardinality(String) COMMENT 'Producer of the sequence: service and instance, for example gateway/gw-1.',
    boot_epoch Int64 COMMENT 'Start of the producer\'s life that numbered this event, microseconds since 1970-01-01 UTC.',
    seq Int64 COMMENT 'Gapless number of this event within (source, boot_epoch), counted from 0.',
    tenant LowCardinality(String) COMMENT 'Tenant the event belongs to; set from the API key, never from the caller\'s body.',
    trace_id String COMMENT 'W3C trace id, 32 lower-case hex digits; empty when the event belongs to no trace.',
    span_id String COMMENT 'W3C span id of the operation, 16 lower-case hex digits; empty when the event belongs to no span.',
    parent_span_id String COMMENT 'W3C span id of the caller\'s span, 16 lower-case hex digits; empty for a root.',
    event_time_us Int64 COMMENT 'When the fact happened, microseconds since 1970-01-01 UTC.',
    route LowCardinality(String) COMMENT 'Route of the stream; with the tenant it names the monitored stream.',
    embedding_model LowCardinality(String) COMMENT 'Name of the embedding model.',
    embedding_dimensions Int32 COMMENT 'Length of an embedding, numbers.',
    items Array(Tuple(response_event_id String, request_id String, session_id String, trace_id String, event_time_us Int64, outcome String, latency_ms Float64, inclusion_probability Float64, prompt Tuple(words Int32, chars Int32, punctuation_share Float32, digit_share Float32, mean_word_chars Float32, tokens Array(String), embedding Array(Float32)), answer Tuple(words Int32, chars Int32, punctuation_share Float32, digit_share Float32, mean_word_chars Float32, tokens Array(String), embedding Array(Float32)), references Array(Tuple(kind String, name String, version String, digest String)), release_digest String)) COMMENT 'One item a completed call, in order of consumption; at most 256.' CODEC(ZSTD(3)),
    event_time DateTime64(6, 'UTC') MATERIALIZED fromUnixTimestamp64Micro(event_time_us, 'UTC') COMMENT 'event_time_us as a time.',
    stored_at DateTime64(6, 'UTC') MATERIALIZED now64(6, 'UTC') COMMENT 'When the row was inserted.',
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(fromUnixTimestamp64Micro(event_time_us, 'UTC'))
ORDER BY (tenant, event_time_us, event_id)
TTL toDateTime(fromUnixTimestamp64Micro(event_time_us, 'UTC')) + INTERVAL 14 DAY
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024
COMMENT 'Text features of a batch of completed calls of one stream became known.';
