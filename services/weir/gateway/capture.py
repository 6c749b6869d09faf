"""Capture: a call becomes a numbered record in the spool, one append each, before its last byte leaves."""

from __future__ import annotations

from collections.abc import Sequence

from weir.gateway.adapters.spool import SpoolWriter
from weir.gateway.core.call import Call, CallEnd, Feedback
from weir.gateway.core.record import NUMBERS_TAKEN, Kind, Record, pack


class SpoolCapture:
    """Implements `ports.Capture` by appending to the spool. A number is used only once its record is written."""

    def __init__(self, writer: SpoolWriter, *, source: str, boot_epoch: int, capture_bytes_max: int) -> None:
        """capture_bytes_max: wire bytes kept of one call."""
        self._writer = writer
        self._source = source
        self._boot_epoch = boot_epoch
        self._capture_bytes_max = capture_bytes_max
        self._seq = 0

    @property
    def accepted(self) -> int:
        """Sequence numbers used so far in this boot."""
        return self._seq

    def requested(self, call: Call, wire: bytes) -> None:
        """A call is about to go upstream. Raises CaptureFull."""
        self._append("requested", call=call, wire=wire)

    def completed(self, call: Call, end: CallEnd, wire: bytes, responses: Sequence[bytes]) -> None:
        """A call ended. Raises CaptureFull."""
        self._append("completed", call=call, end=end, wire=wire, responses=responses)

    def feedback(self, feedback: Feedback) -> None:
        """A user judged a call. Raises CaptureFull."""
        self._append("feedback", feedback=feedback)

    def _append(
        self,
        kind: Kind,
        *,
        call: Call | None = None,
        end: CallEnd | None = None,
        feedback: Feedback | None = None,
        wire: bytes = b"",
        responses: Sequence[bytes] = (),
    ) -> None:
        room = self._capture_bytes_max
        kept = wire if len(wire) <= room else b""
        record = Record(
            kind=kind,
            source=self._source,
            boot_epoch=self._boot_epoch,
            seq=self._seq,
            call=call,
            end=end,
            feedback=feedback,
            wire=kept,
            responses=_fitting(responses, room - len(kept)),
            wire_bytes=len(wire),
            response_bytes=sum(map(len, responses)),
        )
        self._writer.append(pack(record))
        self._seq += NUMBERS_TAKEN[kind]


def _fitting(responses: Sequence[bytes], room: int) -> tuple[bytes, ...]:
    """The first responses that fit into `room` bytes together."""
    kept: list[bytes] = []
    for response in responses:
        room -= len(response)
        if room < 0:
            break
        kept.append(response)
    return tuple(kept)
