-- Scores of anchors beside those of the traffic, and who an alarm on scores blames.

ALTER TABLE evaluation_scores ADD COLUMN IF NOT EXISTS session_id String COMMENT 'Conversation the scored call belongs to; empty when the client named none, and for feedback and anchors.' AFTER release_digest;
ALTER TABLE evaluation_scores ADD COLUMN IF NOT EXISTS anchor_id String COMMENT 'Anchor that was scored instead of a call of the traffic: such a score says how the evaluator judges, and counts in no figure about the traffic. Empty for a call.' AFTER session_id;
ALTER TABLE evaluation_scores ADD COLUMN IF NOT EXISTS anchor_passed Nullable(Bool) COMMENT 'Human label of the anchor: whether its answer should pass; null for a call.' AFTER anchor_id;
ALTER TABLE drift_signals ADD COLUMN IF NOT EXISTS verdict LowCardinality(String) COMMENT 'Who changed, for an alarm on scores: system, judge, none (cannot be told) or pending; empty for other signals.' AFTER part;

-- A view's columns are those of the table when it was made.
CREATE OR REPLACE VIEW v_evaluation_scores AS SELECT *, event_time, stored_at FROM evaluation_scores FINAL WHERE anchor_id = '';
CREATE OR REPLACE VIEW v_anchor_scores AS SELECT *, event_time, stored_at FROM evaluation_scores FINAL WHERE anchor_id != '';
CREATE OR REPLACE VIEW v_drift_signals AS SELECT *, event_time, stored_at FROM drift_signals FINAL;
