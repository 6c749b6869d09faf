"""The receiver: who is known is limited, then its spans are checked, numbered and appended, and only then is it answered.

Invariant: a request is answered after its spans are in the spool, as durably as the setting says. A number is used once its
record is written. What finds no room is refused as a whole and may be sent again: what of it was recorded has the same ids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message

from weir.access.callers import Callers
from weir.access.keys import Caller
from weir.access.keys_file import KeysFile
from weir.access.refusals import Refusal
from weir.access.request_ids import is_issued as issued_to
from weir.access.slots import Slots
from weir.capture.capture_full import CaptureFull
from weir.capture.group_sync import GroupSync
from weir.capture.spool import SpoolWriter
from weir.events.log import ProducerEpoch
from weir.otlp.adapters.metrics import BYTES_IN_HAND, CRASHES, CUT, REFUSED, REQUESTS_AT_ONCE, SPANS
from weir.otlp.core.events import Numbers
from weir.otlp.core.export import Refusals, Shared, spans_in
from weir.otlp.core.record import pack
from weir.otlp.core.recording import Recorded, Rules, record_of
from weir.otlp.core.span import US_PER_S, Origin, SpanRefused, Times
from weir.otlp.settings import OtlpSettings
from weir.runtime.clock import now_us
from weir.runtime.telemetry.logs import logger

SCOPE = "otlp"
"""What a key must be allowed."""

FULL_RETRY_S = 5.0
"""Seconds a client is asked to wait when the spool is full. Arbitrary; any value from 1 to 30 would do: room comes a segment
at a time, as the drain works."""

APPEND_SPANS = 64
"""Spans of one append, after which other requests have their turn. Chosen: some 5 ms of work."""

TURN = 256
"""Spans, resources and scopes that are looked at, after which other requests have their turn, whatever became of them. Chosen:
some 5 ms, where none is recorded."""

APPEND_BYTES = 262_144
"""Bytes after which an append is made earlier. Chosen: a fraction of a segment."""

PARSED_MAX = 4
"""Requests that are parsed at once. Parsed, 4 MiB may be some hundred megabytes: two bytes of them are an empty span."""

GROWTH_MAX = 4
"""Bytes recorded for each byte that a request may have; spans beyond are refused. Chosen: the words of a call stand in two
events, and what a resource says is written with each of its spans."""


class Receiver:
    """Takes export requests."""

    def __init__(
        self,
        settings: OtlpSettings,
        keys: KeysFile,
        writer: SpoolWriter,
        epoch: ProducerEpoch,
        request_id_secret: bytes,
        group_sync: GroupSync | None = None,
    ) -> None:
        """epoch: who numbers the events. request_id_secret: the gateway's. group_sync: given with durability fsync."""
        self.settings = settings
        self.requests = Slots("requests_at_once", "requests in hand", settings.requests_at_once_max)
        self.bytes = Slots("bytes_in_hand", "bytes in hand", settings.bytes_in_hand_max)
        self._keys = keys
        self._callers = Callers()
        self._writer = writer
        self._epoch = epoch
        self._request_id_secret = request_id_secret
        self._group_sync = group_sync
        self._parsed = asyncio.Semaphore(PARSED_MAX)
        self._seq = 0
        REQUESTS_AT_ONCE.set_function(lambda: self.requests.held)
        BYTES_IN_HAND.set_function(lambda: self.bytes.held)

    @property
    def numbers_used(self) -> int:
        """Sequence numbers used so far in this boot."""
        return self._seq

    def write_head(self) -> None:
        """Say beside the segments how many numbers are used. Never raises."""
        self._writer.write_head(self._seq)

    @contextmanager
    def enter(self, authorization: str) -> Iterator[Admitted]:
        """A slot for one request of a known caller. Raises Refusal."""
        caller = self._callers.find(authorization, self._keys.current(), now_us(), "")
        caller.demand(SCOPE)
        self.requests.take(caller.tenant, caller.key_id)
        admitted = Admitted(caller, self.bytes)
        try:
            yield admitted
        finally:
            admitted.leave()
            self.requests.give_back(caller.tenant, caller.key_id)

    async def take(
        self,
        caller: Caller,
        read: Callable[[], ExportTraceServiceRequest],
        refusals: Refusals,
        *,
        is_read_aside: bool = False,
    ) -> None:
        """Record the spans of the request that `read` makes of its body. What is refused is added to `refusals`.

        is_read_aside: whether `read` runs in a thread, because it would hold the loop for long.

        Raises Refusal when the spool takes nothing, and what `read` raises.
        """
        try:
            async with self._parsed:
                request = await asyncio.to_thread(read) if is_read_aside else read()
                await self._record(self._rules(caller), request, refusals)
            if self._group_sync is not None:
                await self._group_sync.sync()
        except CaptureFull as error:
            raise Refusal("capture_full", str(error), retry_after_s=FULL_RETRY_S) from error
        for reason, count in refusals.counts.items():
            REFUSED.labels(reason).inc(count)

    async def _record(self, rules: Rules, request: ExportTraceServiceRequest, refusals: Refusals) -> None:
        room = self.settings.request_bytes_max * GROWTH_MAX
        batch = _Batch(self._writer.mark)
        for looked_at, found in enumerate(spans_in(request, self.settings.spans_max, refusals), 1):
            if found is not None:
                self._add(batch, found, rules, room, refusals)
            if batch.is_due or looked_at % TURN == 0:
                self._append(batch)
                await asyncio.sleep(0)
        self._append(batch)

    def _add(self, batch: _Batch, found: Shared, rules: Rules, room: int, refusals: Refusals) -> None:
        """Record one span, or refuse it. room: bytes in which the request may be recorded."""
        try:
            if batch.written_bytes > room:
                raise SpanRefused(
                    "too_many", f"the spans of one request are recorded in {room} bytes; send smaller batches"
                )
            batch.add(self._recorded(*found, rules, batch.numbers))
        except SpanRefused as refused:
            refusals.add(refused)

    def _recorded(self, message: Message, origin: Origin, rules: Rules, numbers: int) -> Recorded:
        try:
            return record_of(
                message, origin, rules, Numbers(self._epoch.source, self._epoch.boot_epoch, self._seq + numbers)
            )
        except SpanRefused:
            raise
        except Exception as error:  # the boundary: one span that our code cannot map must not stop the others
            CRASHES.inc()
            logger().error("span_crashed", error=type(error).__name__, exc_info=error)
            raise SpanRefused(
                "not_storable", f"the receiver failed on it ({type(error).__name__}); its log says why"
            ) from error

    def _append(self, batch: _Batch) -> None:
        """Append what is ready, and use its numbers. Raises CaptureFull, using none."""
        if batch.frames:
            self._writer.append(b"".join(batch.frames))
            self._seq += batch.numbers
            batch.settle()

    def _rules(self, caller: Caller) -> Rules:
        settings, at_us = self.settings, now_us()
        times = Times(at_us - int(settings.age_s_max * US_PER_S), at_us + int(settings.ahead_s_max * US_PER_S))
        is_issued = partial(issued_to, tenant=caller.tenant, secret=self._request_id_secret)
        return Rules(
            caller.tenant, caller.may_ask, times, settings.text_chars_max, settings.message_bytes_max, is_issued
        )


class _Batch:
    """Records that are appended together."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self.frames: list[bytes] = []
        self.numbers = 0
        self.written_bytes = 0
        """Of the whole request so far."""
        self._bytes = 0
        self._calls = 0
        self._cut = 0

    def add(self, recorded: Recorded) -> None:
        """One more record."""
        frame = pack(recorded.record, self._mark)
        self.frames.append(frame)
        self.numbers += recorded.record.numbers_taken
        self._bytes += len(frame)
        self.written_bytes += len(frame)
        self._calls += recorded.is_call
        self._cut += recorded.is_cut

    @property
    def is_due(self) -> bool:
        """Whether it is large enough to be appended."""
        return len(self.frames) >= APPEND_SPANS or self._bytes >= APPEND_BYTES

    def settle(self) -> None:
        """All of it is in the spool: count it and begin anew."""
        SPANS.labels("call").inc(self._calls)
        SPANS.labels("span").inc(len(self.frames) - self._calls)
        CUT.inc(self._cut)
        self.frames.clear()
        self.numbers = self._bytes = self._calls = self._cut = 0


class Admitted:
    """What one request holds; given back once."""

    def __init__(self, caller: Caller, slots: Slots) -> None:
        self.caller = caller
        self._slots = slots
        self._bytes = 0

    def hold_bytes(self, amount: int) -> None:
        """Hold so many bytes more. Raises LimitReached."""
        self._slots.take(self.caller.tenant, self.caller.key_id, amount, already=self._bytes)
        self._bytes += amount

    def leave(self) -> None:
        """Give the bytes back."""
        if self._bytes:
            self._slots.give_back(self.caller.tenant, self.caller.key_id, self._bytes)
            self._bytes = 0
