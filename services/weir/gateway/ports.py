"""What the gateway's front doors need from outside, by role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from weir.gateway.core.call import Call, CallEnd, Feedback, GapReason
from weir.gateway.core.record import Kind


class CaptureFull(Exception):
    """The spool took nothing: it is at its limit or its disk is full. The text says which and what to do."""

    def __init__(self, message: str, reason: GapReason) -> None:
        super().__init__(message)
        self.reason: GapReason = reason


class Capture(Protocol):
    """Makes a call durable before its last byte leaves. One quick append each; never blocks, never waits for Kafka.

    Each method raises CaptureFull when nothing could be written; the front door then sheds or rejects by its setting.
    """

    def requested(self, call: Call, wire: bytes) -> None:
        """A call is about to go upstream. wire: its ModelInferRequest message as bytes."""

    def completed(self, call: Call, end: CallEnd, wire: bytes, responses: Sequence[bytes]) -> None:
        """A call ended. wire: its ModelInferRequest bytes (empty when there is none). responses: the
        ModelInferResponse message (unary) or every ModelStreamInferResponse message (stream), as bytes, in order;
        which of the two follows from `call.protocol` ending in `-stream`, or `stream_upstream` framing noted there."""

    def feedback(self, feedback: Feedback) -> None:
        """A user judged a call."""

    def shed(self, kind: Kind, reason: GapReason) -> None:
        """What was refused a moment ago is given up: its numbers are used, and a gap record will say why. Never raises."""
