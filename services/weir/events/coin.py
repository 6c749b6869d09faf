"""A deterministic coin by request id and salt: which calls are embedded or scored, the same at every replay.

Poisson sampling: each call is chosen on its own with the stated probability, which goes into the event, so that
estimates over scores can be weighted by it.
"""

from __future__ import annotations

import hashlib

HASH_BYTES = 8
"""Bytes of the hash that make the coin: 64 bits, far finer than any rate one would set."""


def is_chosen(request_id: str, salt: str, rate: float) -> bool:
    """Whether the call is in the sample.

    rate: probability of being chosen, 0 to 1. Under one salt a call chosen at a rate is chosen at every higher one.
    """
    digest = hashlib.sha256(f"{salt}\n{request_id}".encode()).digest()
    coin = int.from_bytes(digest[:HASH_BYTES], "big") / 2.0 ** (8 * HASH_BYTES)
    return coin < rate
