"""The listeners: OTLP over gRPC and over HTTP."""
