-- What a span's kind may be: weir.events.span_kinds, which tests/contract/test_sql_columns.py holds against this.

ALTER TABLE span_rows COMMENT COLUMN kind 'OpenTelemetry span kind: server, client, producer, consumer or internal.';
