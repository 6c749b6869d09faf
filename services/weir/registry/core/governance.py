"""Governance: the hash chain over what was executed and what was refused.

Each record's hash covers the hash before it and the whole final record, so that a record changed, removed, inserted or
moved later breaks the chain at its place. A chain alone does not stop who rewrites all of it: keep a hash elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from weir.events import GovernanceRecorded, canonical_json

GENESIS = "0" * 64
"""Hash before the first record."""

EXECUTED = "executed"
REFUSED = "refused"

REASON_CHARS_MAX = 2_000
"""Characters of a reason that are kept. Chosen: some problems of a batch in full."""


def record_hash(record: GovernanceRecorded) -> str:
    """SHA-256, 64 hex digits, over the previous hash and the record's canonical JSON without its two hashes."""
    fields = record.as_record()
    del fields["record_hash"], fields["previous_hash"]
    return hashlib.sha256((record.previous_hash + canonical_json(fields)).encode()).hexdigest()


def seal(record: GovernanceRecorded, previous_hash: str) -> GovernanceRecorded:
    """The record with its place in the chain."""
    placed = replace(record, previous_hash=previous_hash)
    return replace(placed, record_hash=record_hash(placed))


def first_broken(records: Sequence[GovernanceRecorded], previous_hash: str = GENESIS) -> int | None:
    """Index of the first record that does not follow from the one before; None for an unbroken chain."""
    for index, record in enumerate(records):
        if record.previous_hash != previous_hash or record.record_hash != record_hash(record):
            return index
        previous_hash = record.record_hash
    return None
