"""Settings of a service with a spool, and of its drain; each subclass names its own variables and folder."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from weir.runtime.settings import SharedSettings


class CaptureSettings(SharedSettings):
    """How large the spool may grow, and how fast it is emptied."""

    spool_bytes_max: int = Field(default=268_435_456, ge=65_536)
    """Bytes of all segments together; beyond it nothing is accepted. Chosen: about 100,000 calls of 2.5 KB."""

    segment_bytes_max: int = Field(default=8_388_608, ge=4_096)
    """Bytes after which a segment is closed; a drained one is deleted whole. Arbitrary; any value from 1 to
    32 MiB would do: room comes back in such steps."""

    text_chars_max: int = Field(default=65_536, ge=64)
    """Characters of a prompt or answer kept in an event, cut beyond it and marked truncated. Arbitrary; any
    value from 8,192 to 65,536 would do: with four bytes a character both stay well below 1 MiB, Kafka's usual limit."""

    quarantine_bytes_max: int = Field(default=67_108_864, ge=0)
    """Bytes of unreadable spool that are kept for a person; more is counted and its SHA-256 logged. Chosen: a quarter of the
    spool."""

    drain_share: float = Field(default=0.4, gt=0.0, le=1.0)
    """Part of the time that the drain uses a core; the rest is left to live calls. Measured: at 1 a backlog drains at 40 times
    the arrival and the slowest live calls take 2.7 times as long, at 0.4 at 23 times and they take 1.2 times as long."""

    @property
    def spool_dir(self) -> Path:
        """Folder of the segments."""
        raise NotImplementedError
