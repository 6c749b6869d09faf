"""Content digests: the names by which versions are pinned.

A digest is `sha256:` and 64 hex digits over canonical JSON (sorted keys, no spaces, UTF-8), so the same content has
the same digest on every machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache

from weir.events._generated import Reference

RELEASES_REMEMBERED = 1_024
"""Sets of references whose digest is not computed again: far above the routes of a registry, each with its prompts, and
some hundred bytes each."""


def canonical_json(value: object) -> str:
    """JSON text of a value with sorted keys and no spaces. Raises ValueError for NaN and infinities."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(value: object) -> str:
    """Digest of a JSON-like value: `sha256:` and 64 hex digits."""
    return "sha256:" + hashlib.sha256(canonical_json(value).encode()).hexdigest()


def release_digest(references: Iterable[Reference]) -> str:
    """Digest over a set of references, whatever their order; empty text for no references.

    Change any pinned part and the release changes: that is what makes an answer's release a fact.
    """
    return _release_digest(tuple(references))


@lru_cache(RELEASES_REMEMBERED)
def _release_digest(references: tuple[Reference, ...]) -> str:
    pinned = sorted((r.kind, r.name, r.version, r.digest) for r in references)
    return digest_of(pinned) if pinned else ""
