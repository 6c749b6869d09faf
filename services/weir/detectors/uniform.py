"""A number between 0 and 1 that an identifier decides: randomness that a replay repeats.

The detector breaks ties and picks turns at random, yet holds no generator. A keyed hash of the event id is uniform for
every purpose here and gives the same decision whenever the same event is read again.
"""

from __future__ import annotations

from hashlib import blake2b


def hash_of(identifier: str, salt: str) -> int:
    """A 64-bit hash of `identifier`; another `salt` gives an independent one. About 1 us."""
    return int.from_bytes(blake2b(identifier.encode(), digest_size=8, key=salt.encode()[:64]).digest(), "big")


def uniform_of(identifier: str, salt: str) -> float:
    """A number strictly between 0 and 1, decided by `identifier` and `salt`."""
    # 52 bits, so that the half step added at both ends survives rounding to a double.
    return ((hash_of(identifier, salt) >> 12) + 0.5) / 2.0**52
