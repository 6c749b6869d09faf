"""Lineage's hold on the outside: the ClickHouse engine and the Kafka consumer."""
