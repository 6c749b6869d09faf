-- Tool calls of an answer, which a model at an OpenAI server may make.

ALTER TABLE inference_responses
    ADD COLUMN IF NOT EXISTS tool_calls_json String DEFAULT '[]' COMMENT 'Tool calls of the answer as one JSON list, as the model wrote them; [] when none, or when over the capture limit.' CODEC(ZSTD(3)) AFTER release_digest;

ALTER TABLE inference_responses ADD CONSTRAINT IF NOT EXISTS storable_tool_calls CHECK isValidUTF8(tool_calls_json);

CREATE OR REPLACE VIEW v_inference_responses AS SELECT *, event_time, stored_at FROM inference_responses FINAL;
