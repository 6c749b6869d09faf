"""The real engine with its tables."""

from harness.store.lineage_store import migrated, put, store

__all__ = ["migrated", "put", "store"]
