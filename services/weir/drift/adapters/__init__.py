"""Adapters of the drift service: checkpoints on disk and signals into Kafka."""
