-- What explains a drift signal, what a window of skew says, and who decided; signals from before have the defaults.

ALTER TABLE drift_signals
    COMMENT COLUMN IF EXISTS state 'warming, monitoring, fired, cleared, skewed, or a decision of a person: accepted, dismissed, skew_reference.',
    COMMENT COLUMN IF EXISTS part 'Detector part that fired, for example knn-novelty, or the skew test, mmd or novelty; empty when none did.',
    ADD COLUMN IF NOT EXISTS guarantee LowCardinality(String) COMMENT 'Where the error rate of the part comes from: a theorem, or a simulation.' AFTER explanation,
    ADD COLUMN IF NOT EXISTS evidence_events Int32 COMMENT 'Events since the change that the explanation below was made from.' AFTER guarantee,
    ADD COLUMN IF NOT EXISTS example_before_request_ids Array(String) COMMENT 'Calls from before the change that are typical of it, at most 5.' AFTER evidence_events,
    ADD COLUMN IF NOT EXISTS shifted_terms Array(Tuple(term String, z Float64, share_before Float64, share_after Float64)) COMMENT 'Words that shifted most, most first; at most 10, none where WEIR_DRIFT_EXPLAIN_TERMS is off.' AFTER example_before_request_ids,
    ADD COLUMN IF NOT EXISTS clusters Array(Tuple(name String, events Int32, per_100 Float64, per_100_before Float64, first_event_index Int64, request_ids Array(String))) COMMENT 'Novel clusters that grow most, most first; at most 5.' AFTER shifted_terms,
    ADD COLUMN IF NOT EXISTS psi Float64 COMMENT 'Population stability index over the clusters of the reference, nats; explanation only.' AFTER clusters,
    ADD COLUMN IF NOT EXISTS psi_by_cluster Array(Tuple(number Int32, name String, share_before Float64, share_after Float64, psi Float64)) COMMENT 'Clusters of the reference that add most to psi, most first; at most 5.' AFTER psi,
    ADD COLUMN IF NOT EXISTS blame Array(Tuple(kind String, name String, version String, digest String, log_e Float64, events Int32)) COMMENT 'Evidence by asset version and tenant, most first; at most 20.' AFTER psi_by_cluster,
    ADD COLUMN IF NOT EXISTS dataset_name LowCardinality(String) COMMENT 'Evaluation dataset that the stream is compared with for skew; empty when none is set.' AFTER blame,
    ADD COLUMN IF NOT EXISTS dataset_version String COMMENT 'Version of that dataset.' AFTER dataset_name,
    ADD COLUMN IF NOT EXISTS dataset_digest String COMMENT 'Digest of that dataset version.' AFTER dataset_version,
    ADD COLUMN IF NOT EXISTS dataset_items Int32 COMMENT 'Items of it that live windows are compared with.' AFTER dataset_digest,
    ADD COLUMN IF NOT EXISTS skew_p_mmd Float64 DEFAULT 1 COMMENT 'Holm-corrected p-value of the mean-embedding permutation test, 0 to 1; 1 where none was made.' AFTER dataset_items,
    ADD COLUMN IF NOT EXISTS skew_p_novelty Float64 DEFAULT 1 COMMENT 'Holm-corrected p-value of the novelty rank test, 0 to 1; 1 where none was made.' AFTER skew_p_mmd,
    ADD COLUMN IF NOT EXISTS skew_window_events Int32 COMMENT 'Events of the window tested.' AFTER skew_p_novelty,
    ADD COLUMN IF NOT EXISTS affected_request_ids Array(String) COMMENT 'Calls of the skewed window that differ most from the dataset, most first; at most 64. Join them with scores.' AFTER skew_window_events,
    ADD COLUMN IF NOT EXISTS author String COMMENT 'Who decided; empty for what a detector found.' AFTER affected_request_ids,
    ADD COLUMN IF NOT EXISTS reason String COMMENT 'Why, in the words of the author.' AFTER author,
    ADD COLUMN IF NOT EXISTS next_reference_version String COMMENT 'Version of the reference that a decision begins; empty for none.' AFTER reason;

-- The view's columns are those of the table when it was made.
CREATE OR REPLACE VIEW v_drift_signals AS SELECT *, event_time, stored_at FROM drift_signals FINAL;

-- Evidence by asset version and tenant over the alarms of a time: one row an entry, for GROUP BY.
CREATE VIEW IF NOT EXISTS v_drift_blame AS
SELECT event_id, event_time_us, tenant, route, level, part, entry.kind AS kind, entry.name AS name, entry.version AS version,
    entry.digest AS digest, entry.log_e AS log_e, entry.events AS events
FROM drift_signals FINAL
ARRAY JOIN blame AS entry
WHERE state = 'fired';
