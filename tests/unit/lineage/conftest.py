"""The real engine with its tables."""

from lineage_store import migrated, put, store

__all__ = ["migrated", "put", "store"]
