"""Capture: a call becomes a numbered record in the spool, one append each, before its last byte leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from weir.access.refusals import MESSAGE_CHARS_MAX, cut
from weir.capture.capture_full import CaptureFull
from weir.capture.gap import Gap, GapReason
from weir.capture.spool import SpoolWriter
from weir.gateway.core.call import Call, CallEnd, Feedback
from weir.gateway.core.kept_answer import KeptAnswer
from weir.gateway.core.record import NUMBERS_TAKEN, Kind, Record, pack

GAP_SPARE_BYTES = 4_096
"""Room that only gap records may use, at least. Chosen: one names any number of shed events in a row, and 90 calls that
ended there."""

REFUSAL_SPARE_SHARE = 2
"""One part in so many of the spool is never used by refusals: strangers do not fill it. Arbitrary: any value
from 2 (half) to 8 would do."""


class SpoolCapture:
    """Makes a call durable before its last byte leaves: one quick append each, and no wait for Kafka.

    Each method raises CaptureFull when nothing could be written; `Recorder` then sheds or rejects by its setting.

    A number is used once its record is written, or once its event is shed; the numbers of shed events are named by a
    gap record, which is written as soon as the spool takes a record again, with the next record or the next head. A process
    that is killed while its disk takes nothing leaves them unexplained, and the audit shows them as missing.
    """

    def __init__(
        self,
        writer: SpoolWriter,
        *,
        source: str,
        boot_epoch: int,
        capture_bytes_max: int,
        completion_spare_bytes: int = GAP_SPARE_BYTES,
        refusal_spare_bytes: int = GAP_SPARE_BYTES,
        gap_spare_bytes: int = GAP_SPARE_BYTES,
    ) -> None:
        """capture_bytes_max: wire bytes kept of one call. completion_spare_bytes: room that new calls must leave, so
        that calls in flight can still be completed. refusal_spare_bytes: room that records of refusals must leave.
        gap_spare_bytes: room that only gap records may use; 39 bytes for each call in flight that may be shed.
        """
        self._writer = writer
        self._blank = Record(kind="gap", source=source, boot_epoch=boot_epoch, seq=0)
        self._capture_bytes_max = capture_bytes_max
        self._completion_spare_bytes = max(completion_spare_bytes, gap_spare_bytes)
        self._gap_spare_bytes = gap_spare_bytes
        self._refusal_spare_bytes = max(refusal_spare_bytes, self._completion_spare_bytes)
        self._seq = 0
        self._gap: Gap | None = None

    @property
    def numbers_used(self) -> int:
        """Sequence numbers used so far in this boot."""
        return self._seq

    def write_request(self, call: Call, wire: bytes) -> None:
        """A call is about to go upstream. Raises CaptureFull."""
        self._append(self._record("requested", wire=wire, call=call), self._completion_spare_bytes)

    def write_end(self, call: Call, end: CallEnd, wire: bytes, answer: KeptAnswer) -> None:
        """A call ended. Raises CaptureFull."""
        record = self._record(
            "completed", wire=wire, responses=answer.kept, response_bytes=answer.size_bytes, call=call, end=end
        )
        self._append(record, self._gap_spare_bytes)

    def write_small_end(self, call: Call, end: CallEnd, wire_bytes: int, answer_bytes: int) -> None:
        """The end without what was asked and answered, in the room that only ends may use. Raises CaptureFull."""
        self._append(self._small(call, end, wire_bytes, answer_bytes), self._gap_spare_bytes)

    def write_refusal(self, call: Call, end: CallEnd, wire_bytes: int) -> None:
        """A call that was never admitted. Raises CaptureFull while less than the room of others is free."""
        self._append(self._small(call, end, wire_bytes, 0), self._refusal_spare_bytes)

    def write_feedback(self, feedback: Feedback) -> None:
        """A user judged a call. Raises CaptureFull."""
        self._append(self._record("feedback", feedback=feedback), self._completion_spare_bytes)

    def shed(self, kind: Kind, reason: GapReason, ended: str = "") -> None:
        """Use the numbers of an event that the spool refused; a gap record names them as soon as it can be written.

        ended: the call whose end this was; the drain then does not take it for open when this gateway is gone.
        """
        gap = self._gap or Gap(first_seq=self._seq, last_seq=self._seq, reason=reason)
        self._seq += NUMBERS_TAKEN[kind]
        self._gap = replace(gap, last_seq=self._seq - 1, ended=(*gap.ended, ended) if ended else gap.ended)
        self.write_gap()

    def write_head(self) -> None:
        """Say beside the segments how many numbers are used, so that the drain knows what it must find, and write the gap record
        that is owed: no call may come that would write it. Never raises."""
        self.write_gap()
        self._writer.write_head(self._seq)

    def write_gap(self) -> bool:
        """Write the gap record that is owed, if any. False while the spool does not even take that."""
        if self._gap is not None:
            try:
                self._writer.append(pack(replace(self._blank, seq=self._seq, gap=self._gap), self._writer.mark))
            except CaptureFull:
                return False
            self._gap = None
        return True

    def _append(self, record: Record, spare_bytes: int) -> None:
        framed = pack(record, self._writer.mark)
        if not self.write_gap():
            raise CaptureFull(
                "the spool does not even take the record of what it shed; free some space", "disk_refused"
            )
        self._writer.append(framed, spare_bytes=spare_bytes)
        self._seq += NUMBERS_TAKEN[record.kind]

    def _record(
        self,
        kind: Kind,
        *,
        wire: bytes = b"",
        responses: Sequence[bytes] = (),
        response_bytes: int = 0,
        call: Call | None = None,
        end: CallEnd | None = None,
        feedback: Feedback | None = None,
    ) -> Record:
        room = self._capture_bytes_max
        kept = wire if len(wire) <= room else b""
        return Record(  # whole, not by `replace`: that takes 6 us more, twice a call
            kind=kind,
            source=self._blank.source,
            boot_epoch=self._blank.boot_epoch,
            seq=self._seq,
            call=call,
            end=end,
            feedback=feedback,
            wire=kept,
            responses=_fitting(responses, room - len(kept)),
            wire_bytes=len(wire),
            response_bytes=response_bytes,
        )

    def _small(self, call: Call, end: CallEnd, wire_bytes: int, answer_bytes: int) -> Record:
        """A record of bounded size: nothing that a client may make long."""
        return replace(
            self._record("completed"),
            call=replace(call, user_text=None),
            end=replace(end, error_message=cut(end.error_message, MESSAGE_CHARS_MAX), server_timing_json=""),
            wire_bytes=wire_bytes,
            response_bytes=answer_bytes,
        )


def _fitting(responses: Sequence[bytes], room: int) -> tuple[bytes, ...]:
    """The first responses that fit into `room` bytes together."""
    kept: list[bytes] = []
    for response in responses:
        room -= len(response)
        if room < 0:
            break
        kept.append(response)
    return tuple(kept)
