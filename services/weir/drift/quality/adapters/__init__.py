"""Edges of the quality alarms: their states on disk, their metrics."""
