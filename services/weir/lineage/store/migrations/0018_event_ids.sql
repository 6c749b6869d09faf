-- The id of an event, and those in its items, is a UUID in lower case, as the codec demands (weir.events.checks): another one is
-- written differently by somebody else, and events that share one are one row. tests/contract/test_storable.py compares these
-- with the code; a row that was stored before stays.

ALTER TABLE accounts ADD CONSTRAINT IF NOT EXISTS identified CHECK match(event_id, '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$');

ALTER TABLE alerts ADD CONSTRAINT IF NOT EXISTS identified CHECK match(event_id, '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$');

ALTER TABLE dead_letters ADD CONSTRAINT IF NOT EXISTS identified CHECK match(event_id, '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$');

ALTER TABLE drift_signals ADD CONSTRAINT IF NOT EXISTS identified CHECK match(event_id, '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$');

ALTER TABLE evaluation_scores ADD CONSTRAINT IF NOT EXISTS identified CHECK match(event_id, '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$');

ALTER TABLE feedback ADD CONSTRAINT IF NOT EXISTS identified CHECK match(event_id, '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$');

ALTER TABLE governance_log ADD CONSTRAINT IF NOT EXISTS identified CHECK match(event_id, '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$');

ALTER TABLE inference_requests ADD CONSTRAINT IF NOT EXISTS identified CHECK match(event_id, '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$');

ALTER TABLE inference_responses ADD CONSTRAINT IF NOT EXISTS identified CHECK match(event_id, '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$');

ALTER TABLE ops_signals ADD CONSTRAINT IF NOT EXISTS identified CHECK match(event_id, '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$');

ALTER TABLE registry_changes ADD CONSTRAINT IF NOT EXISTS identified CHECK match(event_id, '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$');

ALTER TABLE spans ADD CONSTRAINT IF NOT EXISTS identified CHECK match(event_id, '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$');

ALTER TABLE text_features ADD CONSTRAINT IF NOT EXISTS identified CHECK match(event_id, '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')
    AND arrayAll(items_item -> match(tupleElement(items_item, 'response_event_id'), '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'), items);
