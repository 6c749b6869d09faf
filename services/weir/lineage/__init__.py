"""Lineage: the store of every event, and the answers that come from it.

Purpose: events into ClickHouse without loss or visible duplicates; traces, lineage, impact, audit and SQL out of it.
Consumes: every topic. Produces: dead-letters, ops-signals (what the audit found).
State: ClickHouse; embedded, the engine runs in this process, which is its directory's only owner.
Guarantee: an exact offset range is inserted under one token and rebuilt after a crash; the v_ views show each event once.
"""
