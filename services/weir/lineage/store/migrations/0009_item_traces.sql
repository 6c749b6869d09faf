-- Trace contexts of the calls in an envelope of features; envelopes from before have none.

ALTER TABLE text_features
    ADD COLUMN IF NOT EXISTS item_traceparents Array(String) COMMENT 'W3C traceparent of each item\'s call, in the order of the items; none in events from before it was kept.' CODEC(ZSTD(3)) AFTER items,
    ADD COLUMN IF NOT EXISTS item_tracestates Array(String) COMMENT 'W3C tracestate of each item\'s call, in the order of the items; none where no call has one.' CODEC(ZSTD(3)) AFTER item_traceparents;

ALTER TABLE text_features ADD CONSTRAINT IF NOT EXISTS storable_item_traces CHECK arrayAll(text -> isValidUTF8(text), item_traceparents)
    AND arrayAll(text -> isValidUTF8(text), item_tracestates);
