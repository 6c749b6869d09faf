"""Which calls are embedded: a deterministic coin by request id, so that a replay chooses the same calls."""

from __future__ import annotations

import hashlib

HASH_BITS = 64
"""Bits of the hash that make the coin; 2**-64 is far below any rate one would set."""


def chosen(request_id: str, salt: str, rate: float) -> bool:
    """Whether this call is in the sample. rate: share of calls, 0 to 1; a call chosen at a rate is chosen at any higher
    one under the same salt."""
    digest = hashlib.sha256(f"{salt}\n{request_id}".encode()).digest()
    coin = int.from_bytes(digest[: HASH_BITS // 8], "big") / 2.0**HASH_BITS
    return coin < rate
