"""Reading a spool record to its end: events as bytes, or one reason why not.

Invariant: every payload of a spool becomes messages or one InvalidEvent; nothing else comes out of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from weir.capture.reading import Read
from weir.events import InvalidEvent, SpansRecorded
from weir.events.codec import encode_checked
from weir.events.trace_context import TraceContext
from weir.gateway.core.call import CallEnd
from weir.gateway.core.completion import Addressed, events_of
from weir.gateway.core.record import Record, unpack


def read(payloads: Sequence[bytes], *, text_chars_max: int, message_bytes_max: int) -> list[Read]:
    """Read payloads, each as if it were alone, one stage after the other.

    The code of one stage fits into the processor's first cache: reading payload by payload took a seventh longer, measured.
    text_chars_max: characters kept of a text. message_bytes_max: what consumers decode at most.
    """
    limits = {"text_chars_max": text_chars_max, "message_bytes_max": message_bytes_max}
    records = [_try_unpack(payload) for payload in payloads]
    made = [_try_events(record, text_chars_max) for record in records]
    return [
        Read(payload, None, error=record)
        if isinstance(record, InvalidEvent)
        else read_record(payload, record, events, **limits)
        for payload, record, events in zip(payloads, records, made, strict=True)
    ]


def read_record(
    payload: bytes,
    record: Record,
    made: Sequence[Addressed] | None = None,
    /,
    *,
    text_chars_max: int,
    message_bytes_max: int,
) -> Read:
    """The same for one record that is unpacked already. made: its events, where they are made already.

    A client and a model choose the bytes of a call's messages. Bytes that cannot be read cost an event its texts. The event
    is still made and there is no dead letter, or strangers could stop the drain (`runtime.rejects`).
    """
    error: InvalidEvent | None = None
    for reduced in (_whole, _without_answer, _bare):
        try:
            events, made = made or events_of(reduced(record), text_chars_max=text_chars_max), None
            messages = tuple([_message(addressed, message_bytes_max) for addressed in events])
            spans = next((event for _, _, event in events if isinstance(event, SpansRecorded)), None)
            return Read(payload, record, messages, None, _trace(record), spans, is_bare=reduced is not _whole)
        except InvalidEvent as bad:
            error = error or bad
        except Exception as bad:  # noqa: BLE001  # facts of another shape can raise anything, and all of it means: no event
            said = f"{record.kind} {record.seq} of {record.source} gives no event: {type(bad).__name__}"
            error = error or InvalidEvent("undecodable", said)
    return Read(payload, record, error=error)


def _try_unpack(payload: bytes) -> Record | InvalidEvent:
    try:
        return unpack(payload)
    except InvalidEvent as error:
        return error


def _try_events(record: Record | InvalidEvent, text_chars_max: int) -> Sequence[Addressed] | None:
    """The events of a record, None where `read_record` must say why there are none."""
    if isinstance(record, InvalidEvent):
        return None
    try:
        return events_of(record, text_chars_max=text_chars_max)
    except Exception:  # noqa: BLE001  # the same as in `read_record`, which says it
        return None


def _trace(record: Record) -> TraceContext | None:
    call = record.call
    return None if call is None else TraceContext(call.trace_id, call.span_id, call.trace_flags, call.tracestate)


def _whole(record: Record) -> Record:
    return record


def _without_answer(record: Record) -> Record:
    """Without what the model wrote."""
    return replace(record, responses=(), end=_without_timing(record))


def _without_timing(record: Record) -> CallEnd | None:
    return replace(record.end, server_timing_json="") if record.end else None


def _bare(record: Record) -> Record:
    """The facts that the gateway itself knows; what it kept of the wire is marked as cut."""
    return replace(record, responses=(), wire=b"", end=_without_timing(record))


def _message(addressed: Addressed, message_bytes_max: int) -> tuple[str, str, bytes]:
    topic, key, event = addressed
    body = encode_checked(event)
    if len(body) > message_bytes_max:
        raise InvalidEvent(
            "oversized", f"{type(event).__name__} has {len(body)} bytes; consumers decode {message_bytes_max}"
        )
    key.encode()
    return topic, key, body
