"""The spool took nothing: what is raised then, with its reason."""

from __future__ import annotations

from weir.capture.gap import GapReason


class CaptureFull(Exception):
    """The spool took nothing: it is at its limit or its disk is full. The text says which and what to do."""

    def __init__(self, message: str, reason: GapReason) -> None:
        super().__init__(message)
        self.reason: GapReason = reason
