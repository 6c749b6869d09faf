-- Sizes of one event (weir.events.bounds): names are short, items are few, and what views repeat of an event is bounded.
-- Checked before any view is fed. tests/contract/test_storable.py compares these with the code; a row that was stored stays.

ALTER TABLE accounts ADD CONSTRAINT IF NOT EXISTS bounded CHECK length(event_id) <= 1024
    AND length(source) <= 1024
    AND length(tenant) <= 1024
    AND length(trace_id) <= 1024
    AND length(span_id) <= 1024
    AND length(parent_span_id) <= 1024;

ALTER TABLE alerts ADD CONSTRAINT IF NOT EXISTS bounded CHECK length(event_id) <= 1024
    AND length(source) <= 1024
    AND length(tenant) <= 1024
    AND length(trace_id) <= 1024
    AND length(span_id) <= 1024
    AND length(parent_span_id) <= 1024;

ALTER TABLE dead_letters ADD CONSTRAINT IF NOT EXISTS bounded CHECK length(event_id) <= 1024
    AND length(source) <= 1024
    AND length(tenant) <= 1024
    AND length(trace_id) <= 1024
    AND length(span_id) <= 1024
    AND length(parent_span_id) <= 1024;

ALTER TABLE drift_signals ADD CONSTRAINT IF NOT EXISTS bounded CHECK length(event_id) <= 1024
    AND length(source) <= 1024
    AND length(tenant) <= 1024
    AND length(trace_id) <= 1024
    AND length(span_id) <= 1024
    AND length(parent_span_id) <= 1024
    AND length(route) <= 1024
    AND length(shifted_terms) <= 1024
    AND length(clusters) <= 1024
    AND length(psi_by_cluster) <= 1024
    AND length(blame) <= 1024;

ALTER TABLE evaluation_scores ADD CONSTRAINT IF NOT EXISTS bounded CHECK length(event_id) <= 1024
    AND length(source) <= 1024
    AND length(tenant) <= 1024
    AND length(trace_id) <= 1024
    AND length(span_id) <= 1024
    AND length(parent_span_id) <= 1024
    AND length(request_id) <= 1024
    AND length(response_event_id) <= 1024
    AND length(route) <= 1024
    AND length(release_digest) <= 1024
    AND length(session_id) <= 1024
    AND length(references) <= 1024;

ALTER TABLE feedback ADD CONSTRAINT IF NOT EXISTS bounded CHECK length(event_id) <= 1024
    AND length(source) <= 1024
    AND length(tenant) <= 1024
    AND length(trace_id) <= 1024
    AND length(span_id) <= 1024
    AND length(parent_span_id) <= 1024
    AND length(request_id) <= 1024;

ALTER TABLE governance_log ADD CONSTRAINT IF NOT EXISTS bounded CHECK length(event_id) <= 1024
    AND length(source) <= 1024
    AND length(tenant) <= 1024
    AND length(trace_id) <= 1024
    AND length(span_id) <= 1024
    AND length(parent_span_id) <= 1024;

ALTER TABLE inference_requests ADD CONSTRAINT IF NOT EXISTS bounded CHECK length(event_id) <= 1024
    AND length(source) <= 1024
    AND length(tenant) <= 1024
    AND length(trace_id) <= 1024
    AND length(span_id) <= 1024
    AND length(parent_span_id) <= 1024
    AND length(request_id) <= 1024
    AND length(client_request_id) <= 1024
    AND length(session_id) <= 1024
    AND length(protocol) <= 1024
    AND length(operation) <= 1024
    AND length(route) <= 1024
    AND length(model) <= 1024
    AND length(release_digest) <= 1024
    AND length(references) <= 1024;

ALTER TABLE inference_responses ADD CONSTRAINT IF NOT EXISTS bounded CHECK length(event_id) <= 1024
    AND length(source) <= 1024
    AND length(tenant) <= 1024
    AND length(trace_id) <= 1024
    AND length(span_id) <= 1024
    AND length(parent_span_id) <= 1024
    AND length(request_id) <= 1024
    AND length(client_request_id) <= 1024
    AND length(session_id) <= 1024
    AND length(protocol) <= 1024
    AND length(operation) <= 1024
    AND length(route) <= 1024
    AND length(model) <= 1024
    AND length(request_event_id) <= 1024
    AND length(outcome) <= 1024
    AND length(release_digest) <= 1024
    AND length(contexts) <= 1024
    AND length(references) <= 1024
    AND (length(references) + length(contexts)) * (length(tenant) + length(request_id) + length(route) + length(outcome) + length(release_digest)) <= 1048576;

ALTER TABLE ops_signals ADD CONSTRAINT IF NOT EXISTS bounded CHECK length(event_id) <= 1024
    AND length(source) <= 1024
    AND length(tenant) <= 1024
    AND length(trace_id) <= 1024
    AND length(span_id) <= 1024
    AND length(parent_span_id) <= 1024;

ALTER TABLE registry_changes ADD CONSTRAINT IF NOT EXISTS bounded CHECK length(event_id) <= 1024
    AND length(source) <= 1024
    AND length(tenant) <= 1024
    AND length(trace_id) <= 1024
    AND length(span_id) <= 1024
    AND length(parent_span_id) <= 1024;

ALTER TABLE spans ADD CONSTRAINT IF NOT EXISTS bounded CHECK length(event_id) <= 1024
    AND length(source) <= 1024
    AND length(tenant) <= 1024
    AND length(trace_id) <= 1024
    AND length(span_id) <= 1024
    AND length(parent_span_id) <= 1024
    AND length(request_id) <= 1024
    AND length(route) <= 1024
    AND length(spans) <= 1024
    AND (length(spans)) * (length(tenant) + length(trace_id) + length(request_id) + length(route) + length(event_id)) <= 1048576;

ALTER TABLE text_features ADD CONSTRAINT IF NOT EXISTS bounded CHECK length(event_id) <= 1024
    AND length(source) <= 1024
    AND length(tenant) <= 1024
    AND length(trace_id) <= 1024
    AND length(span_id) <= 1024
    AND length(parent_span_id) <= 1024
    AND length(route) <= 1024
    AND length(embedding_model) <= 1024
    AND length(items) <= 1024
    AND (length(items)) * (length(tenant) + length(route) + length(embedding_model)) <= 1048576;
