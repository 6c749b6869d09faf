"""Alerts' edges: the SQLite file, the receivers file, name resolution and HTTP."""
