"""OTLP in: spans of applications that do not call through the gateway become the same events.

Purpose: stock OpenTelemetry exporters in, over gRPC and HTTP; one durable record of each span before it is acknowledged.
Consumes: exports of traces. Produces, through its spool and `otlp-drain`: inference-requests, inference-responses, spans.
State: the spool on disk. Guarantee: an acknowledged span is in the spool, and can be stored.
"""
