"""Spool records: the facts of a call as bytes, in a frame with their length and a checksum (`weir.capture.frames`).

The payload is a JSON head with the facts, and the wire messages as they went over the network. Nothing is decoded to write
one (about 10 us); who reads it has everything that the event needs. The numbers in it were taken by the writer, so reading
twice gives the same events.

Invariant: whatever a payload holds, it is a record or one InvalidEvent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import orjson

from weir.capture.frames import SIZES, framed
from weir.capture.gap import Gap
from weir.capture.payload import demand_numbers, record_in
from weir.events import InvalidEvent, Reference
from weir.events.loose_json import carried
from weir.events.record import direct_init
from weir.gateway.core.call import Call, CallEnd, Feedback

Kind = Literal["requested", "completed", "feedback", "gap"]
NUMBERS_TAKEN: dict[Kind, int] = {"requested": 1, "completed": 2, "feedback": 1, "gap": 0}
"""Sequence numbers a record uses: a completed call becomes two events, the completion and its spans; a gap tells what
became of numbers that were used before it."""


@direct_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One accepted fact with its number."""

    kind: Kind
    source: str
    boot_epoch: int
    seq: int
    call: Call | None = None
    end: CallEnd | None = None
    feedback: Feedback | None = None
    gap: Gap | None = None
    wire: bytes = b""
    """The ModelInferRequest message; empty when there was none or it was over the capture limit."""
    responses: tuple[bytes, ...] = ()
    """Response messages in order, as far as the capture limit allowed."""
    wire_bytes: int = 0
    """Size of the request message, bytes, kept or not."""
    response_bytes: int = 0
    """Size of all response messages together, bytes, kept or not."""

    @property
    def numbers_taken(self) -> int:
        """Sequence numbers that it uses."""
        return NUMBERS_TAKEN[self.kind]

    @property
    def begun(self) -> Call | None:
        """The call that begins with it."""
        return self.call if self.kind == "requested" else None

    @property
    def ended(self) -> str:
        """The request id of the call that ends with it; empty for none."""
        return self.call.request_id if self.call is not None and self.kind != "requested" else ""

    def without_call(self) -> Record:
        """Its numbers, and nothing that begins or ends."""
        return replace(self, call=None)


def pack(record: Record, mark: str = "") -> bytes:
    """Framed bytes of a record. mark: of the segments it goes to, see `anchor_of`; empty for none. Never raises."""
    blobs = (record.wire, *record.responses)
    facts: dict[str, Any] = {
        "mark": mark,
        "kind": record.kind,
        "source": record.source,
        "boot_epoch": record.boot_epoch,
        "seq": record.seq,
        "call": record.call,
        "end": record.end,
        "feedback": record.feedback,
        "gap": record.gap,
        "sizes": tuple(map(len, blobs)),
        "wire_bytes": record.wire_bytes,
        "response_bytes": record.response_bytes,
    }
    if not mark:
        del facts["mark"]
    return framed(_json(facts), blobs)


def unpack(payload: bytes) -> Record:
    """The record in a payload whose checksum was right. Raises InvalidEvent("undecodable") for any other bytes."""
    return record_in(payload, _record)


def _record(payload: bytes) -> Record:
    head_bytes = SIZES.unpack_from(payload)[0]
    start = SIZES.size + head_bytes
    head = orjson.loads(payload[SIZES.size : start])
    blobs = _split(payload, start, head["sizes"])
    record = Record(
        kind=head["kind"],
        source=head["source"],
        boot_epoch=head["boot_epoch"],
        seq=head["seq"],
        call=call_from(head["call"]),
        end=CallEnd(**head["end"]) if head["end"] else None,
        feedback=Feedback(**head["feedback"]) if head["feedback"] else None,
        gap=_gap_from(head.get("gap")),
        wire=blobs[0],
        responses=tuple(blobs[1:]),
        wire_bytes=head["wire_bytes"],
        response_bytes=head["response_bytes"],
    )
    _demand_numbers(record)
    return record


def _demand_numbers(record: Record) -> None:
    """Raises InvalidEvent unless the ledger can count the record."""
    numbers = [record.seq] if record.gap is None else [record.seq, record.gap.first_seq, record.gap.last_seq]
    if record.kind not in NUMBERS_TAKEN or (record.kind == "gap") != (record.gap is not None):
        raise InvalidEvent("undecodable", f"a spool record is of no kind; expected one of {', '.join(NUMBERS_TAKEN)}")
    demand_numbers(record.source, record.boot_epoch, numbers)


def _json(facts: dict[str, Any]) -> bytes:
    """The facts as JSON. What JSON cannot carry, a lone surrogate or a number beyond 64 bits, becomes U+FFFD or null."""
    try:
        return orjson.dumps(facts)
    except TypeError:
        written = ("call", "end", "feedback")  # what clients and models may have written
        return orjson.dumps(facts | {name: carried(asdict(facts[name])) for name in written if facts[name] is not None})


def _split(payload: bytes, start: int, sizes: Sequence[int]) -> list[bytes]:
    if start + sum(sizes) != len(payload) or min(sizes, default=0) < 0:
        raise ValueError(f"messages of {sizes} bytes in {len(payload) - start}")
    found = []
    for size in sizes:
        found.append(payload[start : start + size])
        start += size
    return found


def _gap_from(facts: dict[str, Any] | None) -> Gap | None:
    return Gap(**{**facts, "ended": tuple(facts.get("ended", ()))}) if facts else None


def call_from(facts: dict[str, Any] | None) -> Call | None:
    """A call from its JSON; None for none."""
    if facts is None:
        return None
    references = tuple([Reference(**reference) for reference in facts.pop("references")])
    if facts["user_text"] == "" and facts["protocol"].startswith("oip-"):
        facts["user_text"] = None  # a record of before unknown words were null
    return Call(**facts, references=references)
