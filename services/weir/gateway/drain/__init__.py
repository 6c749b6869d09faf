"""The drain: its own process, from the spool to Kafka."""
