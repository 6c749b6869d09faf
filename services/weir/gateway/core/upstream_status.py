"""What a gRPC status of the model server's side says: who said it, in how many words it is passed on, when to try again.

Invariant (K2): `overloaded` is said by a model server that is busy, and by nobody else. An answer that gRPC's own library
did not take, because its message or its metadata is too large, has the same code, RESOURCE_EXHAUSTED; it will be too large
again, so it is an error of the model server, INTERNAL here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from weir.access.refusals import MESSAGE_CHARS_MAX, cut

INTERNAL, RESOURCE_EXHAUSTED = 13, 8
"""gRPC status codes."""

RETRY_AFTER_MAX_MS = 86_400_000
"""Longest wait that is passed on, milliseconds: a day, as for the receivers of alerts."""

RETRY_AFTER_CHARS_MAX = 64
"""Characters of a trailer that are looked at; a day has 8 digits."""

NOT_TAKEN = re.compile(
    r"(Stream removed \()?(CLIENT: )?(Received message larger than max|received (\w+ )?metadata size exceeds)"
)
"""How gRPC's library begins the details of an answer that it did not take (grpcio 1.85.1)."""


@dataclass(frozen=True, slots=True)
class UpstreamStatus:
    """How a call to the model server ended."""

    code: int
    """gRPC status code number."""
    details: str
    """As they are recorded; the metadata of an answer bounds them."""

    @property
    def client_details(self) -> str:
        """The details for a client: at most MESSAGE_CHARS_MAX characters, for clients take no longer trailers."""
        return cut(self.details, MESSAGE_CHARS_MAX)


def upstream_status(code: int, details: str) -> UpstreamStatus:
    """The status as it is recorded and passed on. details: as gRPC's library gives them."""
    if code == RESOURCE_EXHAUSTED and NOT_TAKEN.match(details):
        return UpstreamStatus(INTERNAL, f"the model server's answer is too large to be taken: {details}")
    return UpstreamStatus(code, details)


def retry_after_ms(text: str) -> int | None:
    """Milliseconds that the trailer `retry-after-ms` asks to wait, 0 to RETRY_AFTER_MAX_MS; None for no whole number."""
    if len(text) > RETRY_AFTER_CHARS_MAX or not (text.isascii() and text.isdigit()):
        return None
    return min(int(text), RETRY_AFTER_MAX_MS)
