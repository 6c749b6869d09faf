"""Who calls: a header that was found good is not hashed again while the keys file stays as it is.

Law: the memo changes nothing but the time. It holds good headers alone, so strangers put nothing into it, and short ones, so
its bytes are bounded; it is empty again with the next reading of the file.
"""

from __future__ import annotations

from collections.abc import Mapping

from weir.access.keys import ApiKey, Caller, caller_of

KNOWN_MAX = 4_096
"""Headers that are remembered. Arbitrary; any value above the keys of an installation would do: a key has few spellings."""

REMEMBERED_CHARS_MAX = 256
"""Longest header that is remembered, characters: a key has 57, and may be spelt with spaces."""


class Callers:
    """Callers by their `authorization` header."""

    def __init__(self) -> None:
        self._keys: Mapping[str, ApiKey] = {}
        self._known: dict[str, Caller] = {}

    def find(self, authorization: str, keys: Mapping[str, ApiKey], now_us: int, anonymous_tenant: str) -> Caller:
        """What `caller_of` says. Raises Refusal("unauthenticated"). keys: not changed in place."""
        if keys is not self._keys:
            self._keys, self._known = keys, {}
        known = self._known.get(authorization)
        if known is not None and (known.expires_us is None or known.expires_us > now_us):
            return known
        caller = caller_of(authorization, keys, now_us, anonymous_tenant=anonymous_tenant)
        if authorization.strip() and len(authorization) <= REMEMBERED_CHARS_MAX:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[authorization] = caller
        return caller
