-- What stock clients ask `system` for, limited to what is published: the gate reads these views under those names.

CREATE OR REPLACE VIEW published_databases AS
SELECT name, 'Weir' AS engine, comment
FROM system.databases
WHERE name = currentDatabase();

CREATE OR REPLACE VIEW published_tables AS
SELECT database, name, engine, CAST(0, 'UInt8') AS is_temporary, comment, CAST(NULL, 'Nullable(UInt64)') AS total_rows,
    CAST(NULL, 'Nullable(UInt64)') AS total_bytes, '' AS engine_full, '' AS primary_key, '' AS sorting_key, '' AS partition_key
FROM system.tables
WHERE database = currentDatabase() AND startsWith(name, 'v_');

CREATE OR REPLACE VIEW published_columns AS
SELECT database, table, name, type, position, default_kind, default_expression, comment, CAST(0, 'UInt8') AS is_in_partition_key,
    CAST(0, 'UInt8') AS is_in_sorting_key, CAST(0, 'UInt8') AS is_in_primary_key, numeric_precision, numeric_scale,
    datetime_precision, character_octet_length
FROM system.columns
WHERE database = currentDatabase() AND startsWith(table, 'v_');

-- Settings that one statement over HTTP may bring along (`lineage.core.sql_settings`, which a test holds against this).
CREATE OR REPLACE VIEW published_settings AS
SELECT name, value, changed, description, min, max, CAST(0, 'UInt8') AS readonly, type, default
FROM system.settings
WHERE name IN (
    'date_time_output_format', 'extremes', 'join_use_nulls', 'limit', 'max_bytes_to_read', 'max_execution_time',
    'max_memory_usage', 'max_result_bytes', 'max_result_rows', 'max_rows_to_read', 'offset', 'output_format_arrow_string_as_string',
    'output_format_binary_write_json_as_string', 'output_format_csv_crlf_end_of_line', 'output_format_decimal_trailing_zeros',
    'output_format_json_named_tuples_as_objects', 'output_format_json_quote_64bit_integers',
    'output_format_json_quote_decimals', 'output_format_json_quote_denormals', 'output_format_native_write_json_as_string',
    'output_format_parquet_string_as_string', 'output_format_tsv_crlf_end_of_line', 'output_format_write_statistics',
    'result_overflow_mode', 'session_timezone'
);
