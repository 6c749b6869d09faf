"""Source of a replay: which range was read, what its bytes were, and what of it the service would have refused."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from weir.events.log import OffsetRange


class Source:
    """Counts and hashes the messages of a range as they stream by."""

    def __init__(self, topic: str, ranges: Sequence[OffsetRange]) -> None:
        self._topic = topic
        self._ranges = ranges
        self._messages = 0
        self._bytes = 0
        self._refused: Counter[str] = Counter()
        self._digest = hashlib.sha256()

    def take(self, value: bytes | None) -> None:
        """Count a message, in order of partition and offset."""
        body = value or b""
        self._messages += 1
        self._bytes += len(body)
        # The length first: otherwise two messages and their concatenation would be the same range.
        self._digest.update(len(body).to_bytes(8, "big"))
        self._digest.update(body)

    def refuse(self, reason: str) -> None:
        """Count a message that the service would have made a dead letter."""
        self._refused[reason] += 1

    def plain(self) -> dict[str, object]:
        """The identity of the range."""
        return {
            "topic": self._topic,
            "partitions": [
                {"partition": one.partition, "from_offset": one.first, "to_offset": one.end} for one in self._ranges
            ],
            "messages": self._messages,
            "bytes": self._bytes,
            "refused": dict(sorted(self._refused.items())),
            "sha256": self._digest.hexdigest(),
        }
