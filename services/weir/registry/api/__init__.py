"""What comes in over HTTP: assets under /v1, and the Confluent-compatible schema API at the root."""
