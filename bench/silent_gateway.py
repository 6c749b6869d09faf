"""`python -m bench.silent_gateway`: the gateway with a capture that writes nothing, for the bench alone.

The baseline of what accounting costs. It is no setting of the product: a gateway that loses everything silently must not
be one environment variable away.
"""

from __future__ import annotations

from weir.gateway import __main__ as gateway
from weir.gateway.calls.capture import SpoolCapture
from weir.gateway.core.call import Call, CallEnd, Feedback, GapReason
from weir.gateway.core.captured import Answer
from weir.gateway.core.record import Kind


class NoCapture(SpoolCapture):
    """The gateway's capture, whose every record is forgotten: no number is used."""

    def requested(self, call: Call, wire: bytes) -> None:
        """Nothing."""

    def completed(self, call: Call, end: CallEnd, wire: bytes, answer: Answer) -> None:
        """Nothing."""

    def ended(self, call: Call, end: CallEnd, wire_bytes: int, answer_bytes: int) -> None:
        """Nothing."""

    def refused(self, call: Call, end: CallEnd, wire_bytes: int) -> None:
        """Nothing."""

    def feedback(self, feedback: Feedback) -> None:
        """Nothing."""

    def shed(self, kind: Kind, reason: GapReason, ended: str = "") -> None:
        """Nothing."""


if __name__ == "__main__":
    setattr(gateway, "SpoolCapture", NoCapture)  # noqa: B010  # mypy rightly refuses the plain assignment
    gateway.main()
