-- Stable read views: each event once, whatever was inserted twice. Their columns are part of the contract.

CREATE VIEW IF NOT EXISTS v_inference_requests AS SELECT *, event_time, stored_at FROM inference_requests FINAL;

CREATE VIEW IF NOT EXISTS v_inference_responses AS SELECT *, event_time, stored_at FROM inference_responses FINAL;

CREATE VIEW IF NOT EXISTS v_drift_signals AS SELECT *, event_time, stored_at FROM drift_signals FINAL;

CREATE VIEW IF NOT EXISTS v_evaluation_scores AS SELECT *, event_time, stored_at FROM evaluation_scores FINAL;

CREATE VIEW IF NOT EXISTS v_feedback AS SELECT *, event_time, stored_at FROM feedback FINAL;

CREATE VIEW IF NOT EXISTS v_registry_changes AS SELECT *, event_time, stored_at FROM registry_changes FINAL;

CREATE VIEW IF NOT EXISTS v_governance_log AS SELECT *, event_time, stored_at FROM governance_log FINAL;

CREATE VIEW IF NOT EXISTS v_alerts AS SELECT *, event_time, stored_at FROM alerts FINAL;

CREATE VIEW IF NOT EXISTS v_dead_letters AS SELECT *, event_time, stored_at FROM dead_letters FINAL;

CREATE VIEW IF NOT EXISTS v_spans AS SELECT * FROM span_rows FINAL;

CREATE VIEW IF NOT EXISTS v_text_features AS SELECT * FROM text_feature_rows FINAL;

CREATE VIEW IF NOT EXISTS v_lineage AS SELECT * FROM edges_by_source FINAL;

CREATE VIEW IF NOT EXISTS v_impact AS SELECT * FROM edges_by_target FINAL;

CREATE VIEW IF NOT EXISTS v_numbers AS
SELECT 'inference-requests' AS topic, source, boot_epoch, seq, event_id, event_time_us FROM inference_requests FINAL
UNION ALL
SELECT 'inference-responses' AS topic, source, boot_epoch, seq, event_id, event_time_us FROM inference_responses FINAL
UNION ALL
SELECT 'spans' AS topic, source, boot_epoch, seq, event_id, event_time_us FROM spans FINAL
UNION ALL
SELECT 'feedback' AS topic, source, boot_epoch, seq, event_id, event_time_us FROM feedback FINAL
UNION ALL
SELECT 'text-features' AS topic, source, boot_epoch, seq, event_id, event_time_us FROM text_features FINAL
UNION ALL
SELECT 'drift-signals' AS topic, source, boot_epoch, seq, event_id, event_time_us FROM drift_signals FINAL
UNION ALL
SELECT 'evaluation-scores' AS topic, source, boot_epoch, seq, event_id, event_time_us FROM evaluation_scores FINAL
UNION ALL
SELECT 'registry-changes' AS topic, source, boot_epoch, seq, event_id, event_time_us FROM registry_changes FINAL
UNION ALL
SELECT 'governance-log' AS topic, source, boot_epoch, seq, event_id, event_time_us FROM governance_log FINAL
UNION ALL
SELECT 'alerts' AS topic, source, boot_epoch, seq, event_id, event_time_us FROM alerts FINAL
UNION ALL
SELECT 'dead-letters' AS topic, source, boot_epoch, seq, event_id, event_time_us FROM dead_letters FINAL;
