"""Whether an audit finds nothing, in the same words wherever a run ends with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

JUDGED = {
    "missing": "numbers missing",
    "shed": "numbers shed",
    "corrupt": "numbers corrupt in a spool",
    "duplicates_visible": "numbers there twice",
}
"""Totals of an audit that are zero where nothing was lost and nothing is there twice, and what to call them."""


def faults_of(audit: Mapping[str, Any]) -> list[str]:
    """What is wrong in the answer of /v1/audit, one phrase each; nothing where it finds nothing."""
    totals = audit["totals"]
    found = [f"{words}: {totals[name]}" for name, words in JUDGED.items() if totals[name]]
    return found if audit["is_settled"] else [*found, "the store is behind the log"]
