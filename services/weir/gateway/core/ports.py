"""What the gateway's listeners need from outside, by role."""

from __future__ import annotations

from typing import Protocol

from weir.gateway.core.call import Call, CallEnd, Feedback, GapReason
from weir.gateway.core.captured import Answer
from weir.gateway.core.record import Kind


class CaptureFull(Exception):
    """The spool took nothing: it is at its limit or its disk is full. The text says which and what to do."""

    def __init__(self, message: str, reason: GapReason) -> None:
        super().__init__(message)
        self.reason: GapReason = reason


class Capture(Protocol):
    """Makes a call durable before its last byte leaves. One quick append each; never blocks, never waits for Kafka.

    Each method raises CaptureFull when nothing could be written; the listener then sheds or rejects by its setting.
    """

    def requested(self, call: Call, wire: bytes) -> None:
        """A call is about to go upstream. wire: its ModelInferRequest message as bytes."""

    def completed(self, call: Call, end: CallEnd, wire: bytes, answer: Answer) -> None:
        """A call ended. wire: its ModelInferRequest bytes (empty when there is none)."""

    def ended(self, call: Call, end: CallEnd, wire_bytes: int, answer_bytes: int) -> None:
        """The same without what was asked and answered, in the room that only ends may use: a small record."""

    def refused(self, call: Call, end: CallEnd, wire_bytes: int) -> None:
        """A call that was never admitted, as a small record, and only while half of the spool is free."""

    def feedback(self, feedback: Feedback) -> None:
        """A user judged a call."""

    def shed(self, kind: Kind, reason: GapReason, ended: str = "") -> None:
        """What was refused a moment ago is given up: its numbers are used, and a gap record will say why. Never raises.

        ended: request id of a call whose request is recorded and whose end is what is given up.
        """
