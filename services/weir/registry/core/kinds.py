"""Kinds: the words for what the registry keeps."""

from __future__ import annotations

KINDS = ("prompt", "chain", "model", "dataset", "policy", "evaluator", "rule")
"""Asset kinds, in the order they are listed to people."""
