"""Names of segments: their order is a counter that the folder itself keeps, never a clock.

    <counter>-<boot epoch>-<mark>.seg     written since marks; the counter rises by one with each segment of the folder
    <boot epoch>-<index>.seg              written before; older than every segment that has a mark

Invariant: a segment is older than another exactly when it was opened earlier, whatever the clock said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from weir.capture.frames import anchor_of

SUFFIX = ".seg"

GATEWAY_SPOOL = "gateway-spool"
"""What a dead letter of the gateway's drain names as its topic: it is none of Kafka's. Its offset is `Segment.offset_of`."""

OTLP_SPOOL = "otlp-spool"
"""The same of the OTLP receiver's drain."""

SPOOLS = (GATEWAY_SPOOL, OTLP_SPOOL)
"""All of these names."""

MARKED = re.compile(r"(\d{20})-(\d{20})-([0-9a-f]{16})")
BEFORE = re.compile(r"(\d{20})-(\d{8})")

COUNTER_BITS = 31
PLACE_BITS = 32
"""Bits of a segment's counter and of a byte in it, together one offset. Chosen: 2^31 segments of up to 4 GiB."""


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """Where a segment stands among those of its folder."""

    is_marked: bool
    counter: int
    """Of a segment of before marks its boot epoch, which was its order."""
    index: int
    boot_epoch: int
    """Of the producer epoch that wrote it."""
    mark: str

    @property
    def name(self) -> str:
        """Its file's name without the suffix."""
        if not self.is_marked:
            return f"{self.boot_epoch:020d}-{self.index:08d}"
        return f"{self.counter:020d}-{self.boot_epoch:020d}-{self.mark}"

    @property
    def anchor(self) -> re.Pattern[bytes]:
        """What each record of it has behind its frame."""
        return anchor_of(self.mark)

    def offset_of(self, position: int) -> int:
        """A byte of it as one number that rises over the segments of a folder."""
        number = self.counter if self.is_marked else self.index
        return (number & (1 << COUNTER_BITS) - 1) << PLACE_BITS | position


def segment_named(stem: str) -> Segment | None:
    """The segment of a file's name without its suffix; None for a file that is none."""
    if found := MARKED.fullmatch(stem):
        return Segment(True, int(found[1]), 0, int(found[2]), found[3])
    if found := BEFORE.fullmatch(stem):
        return Segment(False, int(found[1]), int(found[2]), int(found[1]), "")
    return None


def counter_after(segments: list[Segment]) -> int:
    """The counter of the next segment of a folder."""
    return max((one.counter for one in segments if one.is_marked), default=-1) + 1
