"""`python -m bench.silent_gateway`: the gateway with a capture that writes nothing, for the bench alone.

The baseline of what accounting costs. It is no setting of the product: a gateway that loses everything silently must not
be one environment variable away.
"""

from __future__ import annotations

from weir.capture.gap import GapReason
from weir.gateway import __main__ as gateway
from weir.gateway.calls.capture import SpoolCapture
from weir.gateway.core.call import Call, CallEnd, Feedback
from weir.gateway.core.kept_answer import KeptAnswer
from weir.gateway.core.record import Kind
from weir.runtime.process import run


class NoCapture(SpoolCapture):
    """The gateway's capture, whose every record is forgotten: no number is used."""

    def write_request(self, call: Call, wire: bytes) -> None:
        """Nothing."""

    def write_end(self, call: Call, end: CallEnd, wire: bytes, answer: KeptAnswer) -> None:
        """Nothing."""

    def write_small_end(self, call: Call, end: CallEnd, wire_bytes: int, answer_bytes: int) -> None:
        """Nothing."""

    def write_refusal(self, call: Call, end: CallEnd, wire_bytes: int) -> None:
        """Nothing."""

    def write_feedback(self, feedback: Feedback) -> None:
        """Nothing."""

    def shed(self, kind: Kind, reason: GapReason, ended: str = "") -> None:
        """Nothing."""


if __name__ == "__main__":
    setattr(gateway, "SpoolCapture", NoCapture)  # noqa: B010  # mypy rightly refuses the plain assignment
    run(gateway.main)
