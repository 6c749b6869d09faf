"""Kafka in and out: groups and followers, producers, schemas and framed messages, dead letters."""
