-- The ways in: weir.gateway.core.call.Protocol and what the OTLP receiver says, which tests/contract/test_sql_columns.py holds against this.

ALTER TABLE inference_requests COMMENT COLUMN protocol 'Way in: oip-grpc, oip-grpc-stream, openai-chat, openai-chat-stream, openai-completions, openai-completions-stream, openai-embeddings or otlp.';

ALTER TABLE inference_responses COMMENT COLUMN protocol 'Way in: oip-grpc, oip-grpc-stream, openai-chat, openai-chat-stream, openai-completions, openai-completions-stream, openai-embeddings or otlp.';
