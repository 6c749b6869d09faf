-- Events of spans that came over OTLP are derived from trace and span ids: an export that is tried again after a kill gives the same
-- events under new numbers. Their numbers are remembered as those of other derived events (migration 0006).

CREATE MATERIALIZED VIEW IF NOT EXISTS derived_numbers_of_reported_requests TO derived_numbers AS
SELECT source, boot_epoch, seq, 'inference-requests' AS topic, event_id, event_time_us FROM inference_requests
WHERE startsWith(source, 'otlp/');

CREATE MATERIALIZED VIEW IF NOT EXISTS derived_numbers_of_reported_responses TO derived_numbers AS
SELECT source, boot_epoch, seq, 'inference-responses' AS topic, event_id, event_time_us FROM inference_responses
WHERE startsWith(source, 'otlp/');

CREATE MATERIALIZED VIEW IF NOT EXISTS derived_numbers_of_reported_spans TO derived_numbers AS
SELECT source, boot_epoch, seq, 'spans' AS topic, event_id, event_time_us FROM spans
WHERE startsWith(source, 'otlp/');
