"""Request ids that prove themselves: a UUIDv7 that only this deployment can have issued, and only to one tenant.

Invariant (K13): a judgement is accepted only for an id that was issued to its tenant; nothing is looked up for that.
Bits of an id (RFC 9562, section 5.7): 48 of milliseconds, version 7, 12 of the millisecond's fraction, variant, 30 that are
unique within a process, and 32 of keyed BLAKE2b (RFC 7693) over the tenant and all bits before them. Who guesses a tag
needs the key of that tenant and 2^31 tries on average: over three weeks at 60,000 calls a minute, for one judgement of its
own tenant.
"""

from __future__ import annotations

import hashlib
import hmac

UNIQUE_BITS = 30
"""Bits that tell ids of one quarter of a microsecond apart."""

TAG_BITS = 32
"""Bits of proof; with UNIQUE_BITS they fill what a UUIDv7 leaves free."""

FRACTION_BITS = 12
"""Bits of the millisecond's fraction, so that ids sort by time within it (RFC 9562, section 6.2, method 3)."""

KEY_BYTES = 64
"""Bytes of the secret that are used: the longest key of BLAKE2b."""

VERSION, VARIANT = 7, 2
"""Specified by RFC 9562."""


def issued_id(time_us: int, unique: int, tenant: str, secret: bytes) -> str:
    """An id for a call of `tenant`. time_us: since 1970-01-01 UTC. unique: no other call of this process has it."""
    milliseconds, rest_us = divmod(time_us, 1_000)
    fraction = (rest_us << FRACTION_BITS) // 1_000
    head = ((milliseconds % (1 << 48)) << 16) | (VERSION << FRACTION_BITS) | fraction
    body = (head << 32) | (VARIANT << UNIQUE_BITS) | (unique % (1 << UNIQUE_BITS))
    digits = f"{body:024x}{_tag(body, tenant, secret):08x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def is_issued(request_id: str, tenant: str, secret: bytes) -> bool:
    """Whether this id was issued to this tenant with this secret; its text must be exactly what was issued."""
    digits = request_id.replace("-", "")
    if len(request_id) != 36 or len(digits) != 32 or not set(digits) <= set("0123456789abcdef"):
        return False
    body, tag = int(digits[:24], 16), int(digits[24:], 16)
    layout = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    return layout == request_id and hmac.compare_digest(f"{tag:08x}", f"{_tag(body, tenant, secret):08x}")


def _tag(body: int, tenant: str, secret: bytes) -> int:
    proof = hashlib.blake2b(
        body.to_bytes(12, "big") + tenant.encode(), key=secret[:KEY_BYTES], digest_size=TAG_BITS // 8
    )
    return int.from_bytes(proof.digest(), "big")
