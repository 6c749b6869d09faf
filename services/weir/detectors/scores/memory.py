"""Memory: the last few identifiers as packed 64-bit hashes: 8 bytes each, immutable, cheap to copy and to save."""

from __future__ import annotations

import sys

from weir.detectors.uniform import hash_of

HASH_BYTES = 8
"""Bytes of one hash: the size of a uint64."""


def holds(memory: bytes, identifier: str, salt: str) -> bool:
    """Whether `identifier` is remembered. Two identifiers share a hash once in 2**64 pairs. About 5 us for 512."""
    return hash_of(identifier, salt) in memoryview(memory).cast("Q")


def remembered(memory: bytes, identifier: str, salt: str, capacity: int) -> bytes:
    """The memory with `identifier` at its end, and at most `capacity` of them: the oldest is forgotten."""
    added = memory + hash_of(identifier, salt).to_bytes(HASH_BYTES, sys.byteorder)
    return added[-capacity * HASH_BYTES :]
